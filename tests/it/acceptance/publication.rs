//! `neonrep_publication`: its life, what it refuses, and what others do to it.

mod concurrency;
mod faults;
mod generated_columns;
mod identities;
mod marks;
mod members;

use crate::support::consumer::{self, Subscription};
use crate::support::on_every_postgres;
use crate::support::sql::column;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ADDRESS: &str = "neonrep_publication.this";

fn publication(rest: &str) -> String {
    named("pub_one", rest)
}

fn named(name: &str, rest: &str) -> String {
    format!(
        r#"resource "neonrep_publication" "this" {{
  project_id = var.project_id
  database = "neondb"
  name = {name:?}
  {rest}
}}
"#
    )
}

const SLOT: &str = r#"
resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "slot_one"
}
"#;

fn owner(stand_in: &StandIn, statements: &str) {
    stand_in.sql_as_owner(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
}

/// Listed tables, in order.
fn members(stand_in: &StandIn) -> Vec<String> {
    column(&stand_in.sql("SELECT prrelid::regclass::text FROM pg_publication_rel ORDER BY 1"))
}

fn with_tables(major: u16) -> StandIn {
    let stand_in = StandIn::start_logical(major);
    owner(
        &stand_in,
        "CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY); CREATE TABLE keyless(x int)",
    );
    stand_in
}

#[test]
fn its_life_on_every_postgres() {
    on_every_postgres(|stand_in| {
        owner(
            stand_in,
            r#"CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY); CREATE SCHEMA "s.1";
             CREATE TABLE "s.1"."it's; ""odd"" ü"(id int PRIMARY KEY);
             CREATE TABLE parent(id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10)"#,
        );
        let workspace = Workspace::new(stand_in);
        workspace.write(&publication(r#"tables = [{ name = "a" }]"#));
        let plan = workspace.plan();
        plan.insist_warning("logical_replication_on");
        workspace.apply();
        let made = workspace.attributes(ADDRESS);
        assert_eq!(made["id"], stand_in.id_of("pub_one"));
        assert_eq!(made["oid"].to_string(), stand_in.value("SELECT oid FROM pg_publication"));
        assert_eq!((&made["owner"], &made["adopted"]), (&"neondb_owner".into(), &false.into()));

        // In place: tables come and go, options change; the oid stays.
        let odd = r#"tables = [{ name = "b" }, { schema = "s.1", name = "it's; \"odd\" ü" }, { name = "parent" }]
            publish = ["insert", "delete"]
            publish_via_partition_root = true"#;
        workspace.write(&publication(odd));
        assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
        workspace.apply();
        assert_eq!(members(stand_in).len(), 3);
        assert_eq!(workspace.attributes(ADDRESS)["oid"], made["oid"]);
        assert_eq!(
            stand_in.value("SELECT pubinsert::text || pubupdate || pubviaroot FROM pg_publication"),
            "truefalsetrue"
        );
        workspace.write(&publication(
            r#"tables = [{ name = "b" }]
  publish = []"#,
        ));
        workspace.apply();

        // Nothing is lost by import, whatever the name.
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &stand_in.id_of("pub_one")).expect_success();
        workspace.insist_on_empty_plan();
        workspace.write(&named(r#"it's; a "pub" / 100% ü"#, r#"tables = [{ name = "b" }]"#));
        assert_eq!(workspace.plan().changes(), ["neonrep_publication.this replace"]);
        workspace.apply();
        let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
        assert!(id.ends_with(r#"/it's; a "pub" %2F 100%25 ü"#), "{id}");
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &id).expect_success();
        workspace.insist_on_empty_plan();

        workspace.destroy();
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    });
}

#[test]
fn what_others_do_shows_and_is_set_right() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(r#"tables = [{ name = "a" }, { name = "b" }]"#));
    workspace.apply();
    owner(&stand_in, "ALTER PUBLICATION pub_one DROP TABLE a; ALTER PUBLICATION pub_one SET (publish = 'insert')");
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
    workspace.apply();
    assert_eq!(members(&stand_in), ["a", "b"]);

    // A renamed table shows by its new name; the apply compares with what is there, not with the state.
    owner(&stand_in, "ALTER TABLE b RENAME TO c");
    workspace.plan().insist_warning("`public.b` does not exist");
    workspace.write(&publication(r#"tables = [{ name = "a" }, { name = "c" }]"#));
    assert!(workspace.plan().is_empty_plan());
    workspace.apply();

    // Emptied outside is a difference too.
    owner(&stand_in, "ALTER PUBLICATION pub_one DROP TABLE a, c");
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
    workspace.apply();

    // Made again outside: another oid, and nothing to do.
    owner(&stand_in, "DROP PUBLICATION pub_one; CREATE PUBLICATION pub_one FOR TABLE a, c");
    workspace.insist_on_empty_plan();
    workspace.refresh();
    assert_eq!(workspace.attributes(ADDRESS)["oid"].to_string(), stand_in.value("SELECT oid FROM pg_publication"));

    owner(&stand_in, "DROP PUBLICATION pub_one");
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this create"]);
    workspace.apply();
    owner(&stand_in, "DROP PUBLICATION pub_one");
    workspace.destroy_with(&["-refresh=false"]);
}

#[test]
fn a_publication_that_exists_is_imported_or_adopted_and_an_adopted_one_is_never_dropped() {
    let stand_in = with_tables(suite());
    owner(&stand_in, "CREATE PUBLICATION pub_one FOR TABLE a; COMMENT ON PUBLICATION pub_one IS 'mine'");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(r#"tables = [{ name = "b" }]"#));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("name"), "{error:?}");
    for part in ["already exists", "import", &stand_in.id_of("pub_one"), "adopt = true", "create_before_destroy"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert!(workspace.addresses().is_empty());
    assert_eq!(members(&stand_in), ["a"]);

    workspace.write(&publication(
        r#"tables = [{ name = "b" }]
  adopt = true"#,
    ));
    workspace.apply();
    assert_eq!(members(&stand_in), ["b"]);
    assert_eq!(workspace.attributes(ADDRESS)["adopted"], true);
    let comment = || stand_in.value("SELECT obj_description(oid, 'pg_publication') FROM pg_publication");
    assert!(comment().starts_with("mine\nneonrep: adopted "), "{}", comment());
    workspace.destroy().insist_warning("was kept");
    assert_eq!(members(&stand_in), ["b"]);
}

#[test]
fn two_resources_of_one_name_are_told_apart() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let one = publication(r#"tables = [{ name = "a" }]"#);
    workspace.write(&format!("{one}{}", one.replace(r#""this""#, r#""other""#)));
    workspace.apply_fails().insist_error("already exists");
    assert_eq!(workspace.addresses().len(), 1);
}

#[test]
fn create_before_destroy_with_one_name_loses_nothing() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let body = |adopt: bool| {
        let one = format!(
            r#"tables = [{{ name = "a" }}]
  adopt = {adopt}
  lifecycle {{ create_before_destroy = true }}"#
        );
        format!("{}{SLOT}", publication(&one))
    };
    workspace.write(&body(false));
    workspace.apply();
    let oid = stand_in.value("SELECT oid FROM pg_publication");
    // A replacement that only core wants: it meets its own name.
    let outcome =
        workspace.apply_fails_with(&["-replace=neonrep_publication.this", "-target=neonrep_publication.this"]);
    outcome.insist_error("create_before_destroy");
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid);
    workspace.write(&body(true));
    workspace.apply();
    let outcome = workspace.apply_with(&["-replace=neonrep_publication.this", "-target=neonrep_publication.this"]);
    outcome.insist_warning("was kept");
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid);
}

#[test]
fn a_table_without_a_key_is_refused_before_its_updates_break() {
    let stand_in = with_tables(suite());
    owner(
        &stand_in,
        "INSERT INTO keyless VALUES (1);
         CREATE TABLE parent(x int) PARTITION BY RANGE (x); ALTER TABLE parent REPLICA IDENTITY FULL;
         CREATE TABLE leaf PARTITION OF parent FOR VALUES FROM (0) TO (10); INSERT INTO parent VALUES (1)",
    );
    let workspace = Workspace::new(&stand_in);
    for (tables, named) in [("keyless", "public.keyless"), ("parent", "public.leaf")] {
        workspace.write(&publication(&format!(r#"tables = [{{ name = "a" }}, {{ name = {tables:?} }}]"#)));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("tables"), "{error:?}");
        for part in [named, "replica_identity_id", "tables_have_identity", "skip_checks", "-refresh=false"] {
            assert!(error.text().contains(part), "{part}: {error:?}");
        }
        // Without the check the apply finds out, in its transaction.
        workspace.set_env("NEONREP_PLAN_CHECKS", "off");
        workspace.apply_fails().insist_error(named);
        workspace.set_env("NEONREP_PLAN_CHECKS", "");
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    }
    // The legal neighbour: nothing that needs an identity is published.
    workspace.write(&publication(
        r#"tables = [{ name = "keyless" }]
  publish = ["insert", "truncate"]"#,
    ));
    workspace.apply();
    // And on the way to an update the same is refused.
    workspace.write(&publication(r#"tables = [{ name = "keyless" }]"#));
    workspace.plan_fails().insist_error("public.keyless");
    owner(&stand_in, "UPDATE keyless SET x = 2; UPDATE parent SET x = 2");

    // A key that was lost outside is told, and does not stand in the way of a destroy.
    workspace.write(&publication(r#"tables = [{ name = "a" }]"#));
    workspace.apply();
    owner(&stand_in, "ALTER TABLE a DROP CONSTRAINT a_pkey");
    workspace.write(&publication(r#"tables = [{ name = "a" }, { name = "b" }]"#));
    workspace.plan().insist_warning("public.a");
    workspace.destroy();
}

#[test]
fn a_table_that_is_not_there_is_a_warning_and_then_an_error() {
    let stand_in = with_tables(suite());
    owner(&stand_in, "CREATE VIEW v AS SELECT 1 AS x; CREATE UNLOGGED TABLE u(id int PRIMARY KEY)");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(r#"tables = [{ name = "a" }, { name = "nope" }]"#));
    let plan = workspace.plan();
    plan.insist_warning("public.nope");
    assert!(plan.errors().is_empty());
    let error = workspace.apply_fails().error();
    assert!(error.is_on("tables") && error.text().contains("`public.nope`"), "{error:?}");
    for (name, why) in [("v", "views"), ("u", "unlogged")] {
        workspace.write(&publication(&format!("tables = [{{ name = {name:?} }}]")));
        workspace.plan().insist_warning("tables_publishable");
        let error = workspace.apply_fails().error();
        assert!(error.is_on("tables") && error.text().contains(why), "{error:?}");
    }
    assert!(workspace.addresses().is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused_by_itself() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let long = "x".repeat(64);
    for (body, argument, says) in [
        (publication(""), "", "all_tables"),
        (publication("tables = []"), "tables", "empty"),
        (
            publication(
                r#"tables = [{ name = "a" }]
  all_tables = true"#,
            ),
            "all_tables",
            "excludes",
        ),
        (publication(r#"tables = [{ name = "a" }, { name = "a", schema = "public" }]"#), "tables", ""),
        (
            publication(r#"tables = [{ name = "a" }, { name = "a", replica_identity_id = "p/br-a/d/public/a" }]"#),
            "tables",
            "listed twice",
        ),
        (publication(r#"tables = [{ name = "a", replica_identity_id = "x" }]"#), "tables", "form"),
        (
            publication(
                r#"tables = [{ name = "a" }]
  publish = ["upsert"]"#,
            ),
            "publish",
            "upsert",
        ),
        (named("", r#"tables = [{ name = "a" }]"#), "name", "empty"),
        (named(&long, r#"tables = [{ name = "a" }]"#), "name", "63"),
    ] {
        workspace.write(&body);
        let error = workspace.plan_fails().error();
        assert!(argument.is_empty() || error.is_on(argument), "{body}: {error:?}");
        assert!(error.text().contains(says), "{body}: {error:?}");
    }
    // The legal neighbour: 63 bytes.
    workspace.write(&named(&"x".repeat(63), r#"tables = [{ name = "a" }]"#));
    workspace.apply();
}

#[test]
fn from_a_list_to_all_tables_and_back_the_slot_loses_nothing() {
    let stand_in = with_tables(suite());
    // As Neon's own server lets members of neon_superuser do it.
    stand_in.sql("ALTER ROLE neondb_owner SUPERUSER; ALTER TABLE keyless ADD PRIMARY KEY (x)");
    let workspace = Workspace::new(&stand_in);
    let list = |rest: &str| {
        format!(
            "{}{SLOT}",
            publication(&format!(
                r#"tables = [{{ name = "a" }}]
  {rest}"#
            ))
        )
    };
    let all = |rest: &str| format!("{}{SLOT}", publication(&format!("all_tables = true\n  {rest}")));
    workspace.write(&list(""));
    workspace.apply();
    let oid = stand_in.value("SELECT oid FROM pg_publication");
    stand_in.sql("COMMENT ON PUBLICATION pub_one IS 'mine'");

    workspace.write(&all(""));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("all_tables") && error.text().contains("allow_replace"), "{error:?}");

    owner(&stand_in, "INSERT INTO a VALUES (1)");
    workspace.write(&all("allow_replace = true"));
    let plan = workspace.plan();
    plan.insist_warning("dropped and created");
    assert_eq!(plan.changes(), ["neonrep_publication.this update"]);
    workspace.apply();
    owner(&stand_in, "INSERT INTO a VALUES (2)");
    let comment = stand_in.value("SELECT obj_description(oid, 'pg_publication') FROM pg_publication");
    assert!(comment.starts_with(&format!("mine\nneonrep: continues {oid} ")), "{comment}");
    assert_ne!(stand_in.value("SELECT oid FROM pg_publication"), oid);
    assert_eq!(workspace.attributes("neonrep_slot.this")["status"], "ok");

    workspace.write(&list("allow_replace = true"));
    workspace.apply();
    let changes = consumer::take(&stand_in, "slot_one", "pub_one").expect("the slot decodes");
    assert_eq!(changes.iter().filter(|it| it.kind == "insert").count(), 2, "{changes:?}");
    assert_eq!(workspace.attributes("neonrep_slot.this")["status"], "ok");

    // Turned outside: no plan is refused, the apply is, and so a destroy works.
    workspace.write(&list(""));
    workspace.apply();
    stand_in.sql("BEGIN; DROP PUBLICATION pub_one; CREATE PUBLICATION pub_one FOR ALL TABLES; COMMIT");
    workspace.plan().insist_warning("changed outside");
    workspace.apply_fails().insist_error("allow_replace");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn all_tables_warns_of_those_without_a_key() {
    let stand_in = with_tables(suite());
    stand_in.sql("ALTER ROLE neondb_owner SUPERUSER");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication("all_tables = true"));
    let plan = workspace.plan();
    plan.insist_warning("public.keyless");
    assert!(!plan.warns("public.a`"), "{}", plan.messages());
    workspace.write(&publication(
        r#"all_tables = true
  publish = ["insert"]"#,
    ));
    assert!(!workspace.plan().warns("all_tables_without_key"));
    workspace.apply();
}

#[test]
fn destroy_is_refused_while_a_consumer_streams() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&format!("{}{SLOT}", publication(r#"tables = [{ name = "a" }]"#)));
    workspace.apply();
    let consumer = Subscription::attach(&stand_in, "slot_one", "pub_one", "CREATE TABLE a(id int PRIMARY KEY)");
    workspace.forget("neonrep_slot.this");
    workspace.write(&publication(r#"tables = [{ name = "a" }]"#));
    let error = workspace.try_destroy(&[]).expect_failure().error();
    for part in ["streams", &format!("process {}", consumer.pid()), "force_destroy"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");
    consumer.detach();
    // With nobody connected it goes, and the slot that is left is named.
    workspace.destroy().insist_warning("slot_one");
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
}

#[test]
fn a_role_that_does_not_own_the_tables_is_told_so() {
    let stand_in = with_tables(suite());
    stand_in.sql(
        "CREATE ROLE stranger; CREATE TABLE foreign_one(id int PRIMARY KEY); ALTER TABLE foreign_one OWNER TO stranger",
    );
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(r#"tables = [{ name = "foreign_one" }]"#));
    workspace.plan().insist_warning("stranger");
    workspace.apply_fails().insist_error("connect_as");
    workspace.write(&publication(
        r#"tables = [{ name = "a" }]
  connect_as = "nobody_here""#,
    ));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("connect_as"), "{error:?}");

    // The advice works, on 16 and newer too: who created a role has the ADMIN option on it.
    stand_in.sql_as_owner("CREATE ROLE maker; CREATE TABLE of_maker(id int PRIMARY KEY)").expect("a role and a table");
    stand_in.sql("GRANT CREATE ON SCHEMA public TO maker; ALTER TABLE of_maker OWNER TO maker");
    let of_maker = publication(r#"tables = [{ name = "of_maker" }]"#);
    workspace.write(&of_maker);
    let error = workspace.apply_fails().error().text();
    let advice = r#"GRANT "maker" TO "neondb_owner""#;
    assert!(error.contains("- table `public.of_maker` (owner: `maker`)"), "{error}");
    assert!(error.contains(&format!("- Run as `neondb_owner`, once: {advice};")), "{error}");
    stand_in.sql_as_owner(advice).expect("the advice");
    workspace.apply();
    // The owner of the publication is named, where it is the publication that is another's.
    stand_in.sql("GRANT CREATE ON DATABASE neondb TO stranger; ALTER PUBLICATION pub_one OWNER TO stranger");
    workspace.write(&of_maker.replace("tables ", "publish = [\"insert\"]\n  tables "));
    let error = workspace.apply_fails().error().text();
    assert!(error.contains("- publication `pub_one` (owner: `stranger`)") && !error.contains("of_maker"), "{error}");
    let error = workspace.try_destroy(&[]).expect_failure().error().text();
    assert!(error.contains("- publication `pub_one` (owner: `stranger`)"), "{error}");
    stand_in.sql("ALTER PUBLICATION pub_one OWNER TO neondb_owner");
    workspace.destroy();
}

#[test]
fn branch_and_project_that_are_gone() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let body = publication(r#"tables = [{ name = "a" }]"#);
    workspace.write(&body);
    workspace.apply();
    // A project's 404 empties nothing, and says how to get out.
    stand_in.fault(&serde_json::json!({"path": "/projects/**", "times": null, "action": {"not_found": true}}));
    stand_in.fault(&serde_json::json!({"path": "/projects/*", "times": null, "action": {"not_found": true}}));
    let outcome = workspace.try_plan(&[]).expect_failure();
    outcome.insist_error("destroy -refresh=false");
    assert_eq!(workspace.addresses(), [ADDRESS]);
    workspace.destroy_with(&["-refresh=false"]).insist_warning("already gone");
    stand_in.no_faults();
    workspace.import(ADDRESS, &stand_in.id_of("pub_one")).expect_success();
    // The database gone while its branch answers: so is the publication.
    stand_in.fault(&serde_json::json!({"path": "/projects/*/branches/*/databases/*", "times": null, "action": {"not_found": true}}));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_publication.this create"], "{}", plan.messages());
    stand_in.no_faults();
}
