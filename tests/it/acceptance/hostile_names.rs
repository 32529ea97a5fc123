//! Names that need quoting work everywhere; names that cannot be are refused on their argument.

use super::whole::{ADDRESSES, Names, PLAIN, hcl};
use crate::support::consumer;
use crate::support::sql::{identifier, single};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// 63 bytes, of which the last characters take two each.
const LONGEST: &str = "a-name of 63 bytes, up to which Postgres keeps them: üäö ßx";

const HOSTILE: [Names<'static>; 5] = [
    Names {
        database: r#"db "; DROP"#,
        schema: "s'; DROP SCHEMA public; --",
        table: r#"t""; --"#,
        role: r#"role"; DROP"#,
        publication: r#"p'"; --"#,
        slot: "s0",
    },
    Names {
        database: "a.b/c%2Fd,e",
        schema: "x.y,z/%",
        table: "one.two,three/%2e",
        role: "a.b/c%41,d",
        publication: "p.q,r/s%",
        slot: "s1",
    },
    Names {
        database: "Дата база",
        schema: "スキーマ",
        table: "Tä bel 🐘",
        role: "rölle ünï",
        publication: "публ икация",
        slot: "s2_________",
    },
    Names {
        database: LONGEST,
        schema: LONGEST,
        table: LONGEST,
        role: LONGEST,
        publication: LONGEST,
        slot: "a23456789_123456789_123456789_123456789_123456789_123456789_123",
    },
    Names {
        database: "${upper} %{x} $1 \\n",
        schema: "SELECT",
        table: " leading and trailing ",
        role: "User",
        publication: "$$ || E'\\' -- /* ${1}",
        slot: "0",
    },
];

#[test]
fn names_of_all_kinds_live_through_create_drift_and_destroy() {
    assert_eq!((LONGEST.len(), HOSTILE[3].slot.len()), (63, 63));
    let stand_in = StandIn::start(suite());
    for names in HOSTILE {
        names.prepare(&stand_in);
        let workspace = Workspace::new(&stand_in);
        workspace.write(&names.configuration());
        workspace.apply();
        let (schema, table) = (identifier(names.schema), identifier(names.table));
        let relation = format!("{schema}.{table}");
        let role = identifier(names.role);
        let publication = identifier(names.publication);
        for address in ADDRESSES {
            let id = workspace.attributes(address)["id"].as_str().unwrap_or_default().to_owned();
            let expected = names.id(&stand_in, address);
            assert!(expected.starts_with(&id), "{address}: {id} {expected}");
        }

        // The role reads, and a slot decodes: both in the database itself.
        let password = password(&stand_in, names.role);
        let mut config = tokio_postgres::Config::new();
        config.host(&stand_in.ready.host).port(stand_in.ready.port).dbname(names.database);
        config.user(names.role).password(password);
        let session =
            crate::support::sql::Session::open_verified(&stand_in.runtime, &config, &stand_in.ready.sslrootcert);
        let rows = session.and_then(|it| it.run(&format!("SELECT count(*) FROM {relation}")));
        assert_eq!(rows.map(|it| single(&it)), Ok("0".to_owned()), "{names:?}");
        let id = workspace.attributes("neonrep_publication.this")["oid"].to_string();
        assert_eq!(single(&stand_in.sql_in(names.database, "SELECT oid FROM pg_publication")), id);

        // Drift of each is seen and set right in place.
        stand_in.sql_in(
            names.database,
            &format!(
                r#"REVOKE SELECT ON {relation} FROM {role}; ALTER TABLE {relation} REPLICA IDENTITY DEFAULT; SET ROLE {}; CREATE TABLE {schema}."a new; one"(id int PRIMARY KEY); ALTER PUBLICATION {publication} ADD TABLE {schema}."a new; one""#,
                identifier(&stand_in.ready.owner_role)
            ),
        );
        let plan = workspace.plan();
        let expected =
            ["neonrep_grant.this update", "neonrep_publication.this update", "neonrep_replica_identity.this update"];
        assert_eq!(plan.changes(), expected, "{names:?}: {}", plan.messages());
        workspace.apply();
        let identity = format!("SELECT relreplident FROM pg_class WHERE oid = {}::regclass", literal(&relation));
        assert_eq!(single(&stand_in.sql_in(names.database, &identity)), "f");

        workspace.destroy();
        assert_eq!(single(&stand_in.sql_in(names.database, &identity)), "d");
        assert_eq!(single(&stand_in.sql_in(names.database, "SELECT count(*) FROM pg_publication")), "0");
        let roles = format!("SELECT count(*) FROM pg_roles WHERE rolname = {}", literal(names.role));
        assert_eq!(stand_in.value(&roles), "0");
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    }
}

fn literal(text: &str) -> String {
    crate::support::sql::literal(text)
}

/// A role's password by the API, whose path needs the name escaped.
fn password(stand_in: &StandIn, role: &str) -> String {
    let escaped: Vec<String> = role.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped = escaped.concat();
    stand_in.password_of(&escaped)
}

/// A configuration of one resource, and the argument that is refused at plan.
fn refused_at_plan(workspace: &Workspace, body: &str, argument: &str, said: &str) {
    workspace.write(body);
    let errors = workspace.plan_fails().errors();
    let found = errors.iter().any(|it| it.text().contains(said) && (argument.is_empty() || it.code.contains(argument)));
    assert!(found, "{said} on {argument}: {errors:?}\n{body}");
}

#[test]
fn names_that_cannot_be_are_refused_on_their_argument() {
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    let long = "x".repeat(64);
    let wide = "ü".repeat(32);
    let slot = |name: &str| {
        let publication = PLAIN.in_the_database("var.project_id", r#""reader_one""#);
        let name = hcl(name);
        format!(
            r#"
{publication}
resource "neonrep_slot" "this" {{
  publication_id = neonrep_publication.this.id
  name           = {name}
}}
"#
        )
    };
    for (name, said) in [
        ("Capital", "lower case"),
        ("with-dash", "lower case"),
        ("with space", "lower case"),
        ("ünï", "lower case"),
        ("a.b", "lower case"),
        (long.as_str(), "63"),
        ("", "empty"),
    ] {
        refused_at_plan(&workspace, &slot(name), "name", said);
    }
    for (name, said) in [(long.as_str(), "63"), (wide.as_str(), "63"), ("", "empty")] {
        let with = |names: Names| names.configuration();
        refused_at_plan(&workspace, &with(Names { publication: name, ..PLAIN }), "name", said);
        refused_at_plan(&workspace, &with(Names { role: name, ..PLAIN }), "name", said);
        refused_at_plan(&workspace, &with(Names { database: name, ..PLAIN }), "database", said);
        refused_at_plan(&workspace, &with(Names { table: name, ..PLAIN }), "table", said);
        refused_at_plan(&workspace, &with(Names { schema: name, ..PLAIN }), "schema", said);
    }
    let of = |publication_id: &str| {
        let publication_id = hcl(publication_id);
        format!(
            r#"
resource "neonrep_slot" "this" {{
  publication_id = {publication_id}
  name           = "slot_one"
}}
"#
        )
    };
    let (project, branch) = (stand_in.ready.project_id.clone(), stand_in.ready.branch_id.clone());
    for wrong in [
        String::new(),
        "pub_one".to_owned(),
        format!("{project}/{branch}/neondb"),
        format!("{project}/{branch}/neondb/pub_one/more"),
        format!("{project}/{branch}/neondb/%zz"),
        format!("{project}/{branch}//pub_one"),
        format!("{project}/../neondb/pub_one"),
        format!("../{branch}/neondb/pub_one"),
        format!("{project}/{branch}/neondb/{long}"),
    ] {
        refused_at_plan(&workspace, &of(&wrong), "publication_id", "");
    }
    for project in ["", "..", "a/b", "Capital", "a b", "a?b=c", "a#b"] {
        let body = PLAIN.in_the_database("var.project_id", r#""reader_one""#).replace("var.project_id", &hcl(project));
        refused_at_plan(&workspace, &body, "project_id", "");
    }
    assert_eq!(stand_in.requests().iter().filter(|it| it["status"] == 404).count(), 0, "an odd id reached the API");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn one_table_twice_two_of_one_name_and_a_table_that_is_not_there() {
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    let publication = |label: &str, name: &str, tables: &str| {
        format!(
            r#"
resource "neonrep_publication" "{label}" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "{name}"
  tables     = [{tables}]
}}
"#
        )
    };
    let table = r#"{ name = "playing_with_neon" }"#;
    // The second states the default. Both are one table.
    let twice = format!(r#"{table}, {{ schema = "public", name = "playing_with_neon", replica_identity_id = null }}"#);
    let identity = stand_in.id_of("public/playing_with_neon");
    let differing = format!(r#"{table}, {{ name = "playing_with_neon", replica_identity_id = "{identity}" }}"#);
    workspace.write(&publication("a", "pub_a", &differing));
    workspace.plan_fails().insist_error("playing_with_neon");
    workspace.write(&publication("a", "pub_a", &twice));
    workspace.plan_fails().insist_error("twice");
    workspace.write(&publication("a", "pub_a", table));
    workspace.apply();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication_rel"), "1");

    workspace.write(&publication("a", "pub_a", &format!(r#"{table}, {{ name = "not_there" }}"#)));
    workspace.plan().insist_warning("not_there");
    workspace.apply_fails().insist_error("not_there");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication_rel"), "1");
    assert_eq!(workspace.addresses(), ["neonrep_publication.a"]);

    // Two slots of one name: the second is refused and nothing is lost; which of both comes first is not ours to say.
    let slot = |label: &str| {
        format!(
            r#"
resource "neonrep_slot" "{label}" {{
  publication_id = neonrep_publication.a.id
  name           = "slot_one"
}}
"#
        )
    };
    let both = format!("{}{}{}", publication("a", "pub_a", table), slot("a"), slot("b"));
    workspace.write(&both);
    for parallelism in [1, 50] {
        workspace.set_parallelism(parallelism);
        workspace.apply_fails().insist_error("already exists");
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "1");
        let slots = workspace.addresses().iter().filter(|it| it.contains("neonrep_slot")).count();
        assert_eq!(slots, 1, "one owner: {:?}", workspace.addresses());
    }
    stand_in.sql("INSERT INTO playing_with_neon VALUES (1)");
    assert_eq!(consumer::take(&stand_in, "slot_one", "pub_a").map(|it| it.len()), Ok(1));
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "0");
}
