//! What the hand-written guides tell a user to do, done.

use std::path::Path;
use std::process::Command;

use super::whole::PLAIN;
use crate::support::sql::single;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pages").join(name).join("main.tf");
    std::fs::read_to_string(path).expect("the example")
}

/// The `jq` program in the first block of a page that has this part, run on a plan; whether it succeeds, and its output.
pub(super) fn jq(page: &str, part: &str, plan: &serde_json::Value) -> (bool, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides").join(page);
    let text = std::fs::read_to_string(path).expect("the page");
    let line = text.lines().find(|it| it.contains("jq -") && it.contains(part)).expect("the command");
    let (_, command) = line.split_once("jq ").expect("jq");
    let (options, program) = command.split_once(" '").expect("a program");
    let (program, _) = program.rsplit_once('\'').expect("the end of the program");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plan.json");
    std::fs::write(&file, plan.to_string()).expect("a file");
    let mut command = Command::new("jq");
    command.arg(options).arg(program).arg(&file);
    let output = command.output().expect("jq is on the PATH");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `security.md`
#[test]
fn a_role_created_with_sql_reads_what_is_granted_and_nothing_else() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    stand_in.sql_as_owner("CREATE TABLE other(id int PRIMARY KEY)").expect("a table");
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", &example("sql-role"));
    workspace.apply();
    let connection = workspace.outputs()["connection"]["value"].clone();
    let password = connection["password"].as_str().expect("a password");
    let reader = |statement: &str| stand_in.sql_as("reader", password, statement);
    assert_eq!(reader("SELECT count(*) FROM playing_with_neon").map(|it| single(&it)), Ok("10".to_owned()));
    for refused in [
        "SELECT count(*) FROM other",
        "DELETE FROM playing_with_neon",
        "CREATE ROLE another",
        "CREATE DATABASE another",
        "DROP TABLE playing_with_neon",
    ] {
        assert!(reader(refused).is_err(), "{refused}");
    }
    workspace.destroy();
}

/// `migrating.md`
#[test]
fn what_was_made_by_hand_is_imported_and_another_state_lets_it_go() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    let by_hand = "ALTER TABLE playing_with_neon REPLICA IDENTITY FULL; \
                   CREATE PUBLICATION old_publication FOR TABLE playing_with_neon";
    stand_in.sql_as_owner(by_hand).expect("a publication");
    stand_in.sql("SELECT pg_create_logical_replication_slot('old_slot', 'pgoutput')");
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("TF_VAR_branch_id", stand_in.ready.branch_id.clone());
    workspace.write_file("main.tf", &example("existing"));
    let summary = workspace.plan_text();
    assert!(summary.contains("4 to import, 0 to add") && summary.contains("0 to destroy"), "{summary}");
    workspace.apply();

    // Another configuration lets the slot go, and this one still has it.
    let slot = "neonrep_slot.old";
    let removed = "removed {\n  from = neonrep_slot.old\n  lifecycle {\n    destroy = false\n  }\n}\n";
    let body = example("existing");
    let (before, _) = body.split_once(r#"resource "neonrep_slot""#).expect("the slot");
    let without_import: String = before.split("import {").next().expect("the head").to_owned()
        + &before[before.find("resource ").expect("a resource")..];
    workspace.write_file("main.tf", &format!("{without_import}{removed}"));
    workspace.apply_once(&[]);
    assert!(!workspace.addresses().contains(&slot.to_owned()));
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'old_slot'"), "1");
    workspace.write_file("main.tf", &example("existing"));
    workspace.apply();
    assert!(workspace.addresses().contains(&slot.to_owned()));
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'old_slot'"), "0");
}

/// `ci.md` and `monitoring.md`
#[test]
fn plans_tell_a_pipeline_what_would_happen_to_a_slot() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&PLAIN.configuration());
    // Before anything exists, without a key and without a server.
    let url = stand_in.ready.api_url.clone();
    workspace.set_env("NEON_API_KEY", "unused");
    workspace.set_env("NEON_API_URL", "http://127.0.0.1:1/api/v2");
    workspace.set_env("NEONREP_PLAN_CHECKS", "off");
    assert_eq!(workspace.plan_with(&["-refresh=false"]).changes().len(), 6);
    workspace.set_env("NEON_API_URL", url);
    workspace.set_env("NEON_API_KEY", stand_in.ready.api_key.clone());
    workspace.set_env("NEONREP_PLAN_CHECKS", "");
    workspace.apply();

    let policy = |plan: &serde_json::Value| jq("ci.md", "resource_changes", plan).0;
    assert!(policy(&workspace.plan_json()), "a plan that changes nothing passes");
    workspace.write(&PLAIN.configuration().replace(r#""slot_one""#, r#""slot_two""#));
    assert!(!policy(&workspace.plan_json()), "a replacement deletes");
    workspace.write(&PLAIN.configuration());

    let drift = |plan: &serde_json::Value| jq("monitoring.md", "resource_drift", plan).1;
    assert_eq!(drift(&workspace.plan_json()), "");
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    let plan = workspace.try_plan(&[]);
    assert_eq!(plan.status, 2, "{}", plan.messages());
    assert_eq!(drift(&workspace.plan_json()), "neonrep_slot.this missing");
    // The alternative that the page warns of.
    let check = r#"check "slot" {
  assert {
    condition     = neonrep_slot.this.status == "ok"
    error_message = "The slot is not usable."
  }
}
"#;
    workspace.write(&format!("{}{check}", PLAIN.configuration()));
    assert!(!workspace.try_plan(&[]).warns("The slot is not usable."), "now the page is wrong");
}

/// `ci.md`
#[test]
fn a_postcondition_stops_a_plan_until_the_source_is_ready() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    stand_in.sql(
        "CREATE ROLE airbyte_replication LOGIN REPLICATION IN ROLE pg_read_all_data; \
         CREATE PUBLICATION airbyte_publication FOR TABLE playing_with_neon",
    );
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", &example("ready"));
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("Create it with `neonrep_slot`"), "{error:?}");
    stand_in.sql("SELECT pg_create_logical_replication_slot('airbyte_slot', 'pgoutput')");
    workspace.apply();
    stand_in.sql("ALTER ROLE airbyte_replication NOLOGIN");
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("| error | `role_login` |"), "{error:?}");
    stand_in.sql("ALTER ROLE airbyte_replication LOGIN");
    workspace.insist_on_empty_plan();
}

/// `monitoring.md`
#[test]
fn the_queries_of_monitoring_run_on_every_postgres() {
    let page = include_str!("../../../docs/guides/monitoring.md");
    let queries: Vec<&str> =
        page.split("```sql\n").skip(1).map(|it| it.split("```").next().expect("the end of the query")).collect();
    assert_eq!(queries.len(), 2);
    crate::support::on_every_postgres(|stand_in| {
        for query in &queries {
            stand_in.sql_as_owner(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        }
    });
}
