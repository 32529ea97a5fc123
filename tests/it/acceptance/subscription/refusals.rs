//! What a plan or an apply refuses, and what is left then.

use super::{ADDRESS, PUBLISHED, TABLES, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const OF_T: &str = "  publications = [neonrep_publication.t.name]";

#[test]
fn a_table_that_the_target_lacks_is_named_and_nothing_is_left() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(OF_T));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("publications") && error.text().contains("public.t"), "{error:?}");
    assert!(error.text().contains("pg_dump --schema-only"), "{error:?}");
    assert_eq!((slots(&stand_in).as_str(), target.value("SELECT count(*) FROM pg_subscription").as_str()), ("0", "0"));
    target.sql(TABLES);
    workspace.apply();
    target.wait_for("SELECT count(*) FROM t", "2");

    // The same for a list that grows: the old one stays, and the difference too.
    target.sql("DROP TABLE u");
    workspace.write(&subscription("  publications = [neonrep_publication.t.name, neonrep_publication.u.name]"));
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("public.u"), "{error:?}");
    assert_eq!(workspace.plan().changes(), ["neonrep_subscription.this update"]);
    target.sql("CREATE TABLE u (id int PRIMARY KEY)");
    workspace.apply();
    target.wait_for("SELECT count(*) FROM u", "1");
    workspace.destroy();
}

#[test]
fn a_publisher_that_refuses_is_told_without_the_password() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    let write = |connection: &str| {
        let body = subscription(OF_T).replace("ephemeral.neonrep_connection.source.uri", connection);
        workspace.write(&format!("{body}\nvariable \"wrong\" {{\n  type = string\n  ephemeral = true\n}}\n"));
    };
    write("var.wrong");
    let wrong = "of-nobody-at-all";
    let port = stand_in.ready.port;
    workspace.set_env(
        "TF_VAR_wrong",
        format!("host=localhost port={port} dbname=neondb user=neondb_owner password={wrong} sslmode=require"),
    );
    let error = workspace.apply_fails().error();
    assert!(error.is_on("connection_wo") && error.text().contains("ould not connect"), "{error:?}");
    // Nobody listens there.
    workspace.set_env("TF_VAR_wrong", format!("postgresql://neondb_owner:{wrong}@localhost:1/neondb"));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("connection_wo") && error.text().contains("Connection refused"), "{error:?}");
    assert!(error.text().contains("must be reachable from there"), "{error:?}");
    // A malformed one is refused before anybody sees it.
    workspace.set_env("TF_VAR_wrong", format!("postgresql://neondb_owner:a@{wrong}@localhost/neondb"));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("connection_wo") && error.text().contains("not a connection string"), "{error:?}");
    workspace.set_env("TF_VAR_wrong", format!("host=ep-a-pooler.eu.neon.tech user=u password={wrong}"));
    workspace.plan_fails().insist_error("Pooled host");
    write("null");
    let error = workspace.plan_fails().error();
    assert!(error.is_on("connection_wo") && error.text().contains("Missing"), "{error:?}");
    workspace.no_secret_anywhere(&[wrong]);
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn arguments_of_later_versions_are_refused_at_plan() {
    let stand_in = source(14);
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    for (argument, at) in [
        ("origin = \"none\"", "origin"),
        ("streaming = \"parallel\"", "streaming"),
        ("two_phase = true", "two_phase"),
        ("disable_on_error = true", "disable_on_error"),
        ("failover = true", "failover"),
    ] {
        workspace.write(&subscription(&format!("{OF_T}\n  {argument}")));
        let error = workspace.plan_fails().error();
        assert!(error.is_on(at) && error.text().contains("Not supported by Postgres 14"), "{error:?}");
    }
}

/// The documented way on one branch: a slot that exists.
const ON_ONE_BRANCH: &str = r#"
resource "neonrep_slot" "copy" {
  publication_id = neonrep_publication.t.id
  name           = "copy"
}

resource "neonrep_subscription" "this" {
  project_id    = var.project_id
  database      = "DATABASE"
  name          = "sub"
  publications  = [neonrep_publication.t.name]
  connection_wo = ephemeral.neonrep_connection.source.uri
  create_slot   = CREATE
  slot_name     = neonrep_slot.copy.slot_name
}
"#;

#[test]
fn a_subscription_on_the_branch_of_its_publisher_takes_a_slot_that_exists() {
    for major in [14, 18] {
        let stand_in = source(major);
        stand_in.admin("POST", "/databases", Some(&serde_json::json!({ "name": "copy", "owner": "neondb_owner" })));
        stand_in.sql_in("copy", TABLES);
        stand_in.sql_in("copy", "ALTER TABLE t OWNER TO neondb_owner; ALTER TABLE u OWNER TO neondb_owner");
        let workspace = Workspace::new(&stand_in);
        workspace.set_env("TF_VAR_target_id", "none");
        let write = |database: &str, create: &str| {
            let body = ON_ONE_BRANCH.replace("DATABASE", database).replace("CREATE", create);
            workspace.write(&format!("{PUBLISHED}{body}"));
        };
        write("copy", "true");
        let error = workspace.plan_fails().error();
        assert!(error.is_on("connection_wo") && error.text().contains("create_slot = false"), "{error:?}");
        write("neondb", "false");
        workspace.plan_fails().insist_error("its own database");

        write("copy", "false");
        workspace.apply();
        at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
        wait_for(&stand_in, "copy", "SELECT count(*) FROM t", "3");
        // The slot belongs to its own resource, which drops it after the subscription has left.
        let destroyed = workspace.destroy();
        assert!(!destroyed.says("could not be dropped"), "{}", destroyed.all());
        assert_eq!(slots(&stand_in), "0");
    }
}

#[test]
fn a_name_that_is_taken_can_be_imported() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    target
        .sql("CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 password=x' PUBLICATION pub_t WITH (connect = false)");
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(OF_T));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("name") && error.text().contains(&target.id_of("sub")), "{error:?}");
    workspace.import(ADDRESS, &target.id_of("sub")).expect_success();
    assert_eq!(workspace.attributes(ADDRESS)["enabled"], false);
    // Nothing sets the connection string, which leads nowhere.
    let body = subscription(&format!("{OF_T}\n  enabled = false\n  on_destroy = \"keep_slot\""));
    workspace.write(&body.replace("connection_wo = ephemeral.neonrep_connection.source.uri", ""));
    workspace.apply();
    workspace.destroy();
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
}

fn wait_for(stand_in: &StandIn, database: &str, query: &str, expected: &str) {
    let mut last = String::new();
    for _ in 0..600 {
        last = stand_in.value_in(database, query);
        if last == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{last}, not {expected}: {query}");
}
