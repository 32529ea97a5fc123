//! Data sources of what the catalogue has: their examples applied as they stand, on the real CLI.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// The example of a data source, for the stand-in's project.
fn example(stand_in: &StandIn, name: &str) -> String {
    let path = format!("examples/data-sources/neonrep_{name}/data-source.tf");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("an example");
    text.replace("lively-voice-12345678", &stand_in.ready.project_id)
}

#[test]
fn the_examples_read_what_is_there_and_settle() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql_as_owner("CREATE TABLE keyed(id int PRIMARY KEY); CREATE TABLE keyless(id int)").expect("tables");
    stand_in.sql_as_owner("CREATE PUBLICATION app_publication FOR TABLE keyed").expect("a publication");
    let workspace = Workspace::new(&stand_in);
    workspace.write("");
    let add = |name: &str| workspace.write_file(&format!("{name}.tf"), &example(&stand_in, name));
    ["publication", "publications", "roles", "tables"].into_iter().for_each(add);
    // A table that got its identity stays in the list of tables without a key.
    workspace.apply();
    workspace.insist_on_empty_plan();
    assert_eq!(workspace.addresses().iter().filter(|it| it.contains("replica_identity")).count(), 1);
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'keyless'"), "f");
    assert_eq!(workspace.attributes("neonrep_slot.databricks")["publication_name"], "app_publication");
    let outputs = workspace.outputs();
    let roles = outputs["own_roles"]["value"].as_array().expect("roles").clone();
    assert!(roles.contains(&json!(stand_in.ready.owner_role)), "{roles:?}");
    assert_eq!(outputs["publications_of_all_tables"]["value"], json!([]));

    ["slot", "slots"].into_iter().for_each(add);
    workspace.apply();
    workspace.insist_on_empty_plan();
    assert_eq!(workspace.outputs()["slots_without_consumer"]["value"], json!(["databricks_slot"]));
    // A consumer that is too far behind warns and does not fail.
    assert!(!workspace.plan().warns("Check block assertion failed"));
    let small = example(&stand_in, "slot").replace("1024 * 1024 * 1024", "1");
    workspace.write_file("slot.tf", &small);
    workspace.plan().insist_warning("Check block assertion failed");
}

#[test]
fn what_is_absent_is_named() {
    let stand_in = StandIn::start_logical(suite());
    let workspace = Workspace::new(&stand_in);
    for name in ["publication", "slot"] {
        workspace.write(&example(&stand_in, name));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("name") && error.text().contains("does not exist"), "{error:?}");
    }
    workspace.write(&example(&stand_in, "tables").replace("[\"public\"]", "[\"public\", \"misspelt\"]"));
    workspace.plan().insist_warning("Schema `misspelt` does not exist");
}

#[test]
fn the_example_warns_of_a_lost_slot_that_keeps_nothing() {
    let small = ["max_slot_wal_keep_size = 1MB", "max_wal_size = 32MB", "min_wal_size = 32MB"];
    let [keep, most, least] = small;
    let stand_in = StandIn::start_with(suite(), &["--logical", "--set", keep, "--set", most, "--set", least]);
    stand_in
        .sql("SELECT pg_create_logical_replication_slot('databricks_slot', 'pgoutput'); CREATE TABLE filler(x text)");
    let figure = |column: &str| {
        stand_in.value(&format!("SELECT {column} FROM pg_replication_slots WHERE slot_type = 'logical'"))
    };
    for _ in 0..30 {
        stand_in
            .sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 2000); SELECT pg_switch_wal()");
        stand_in.sql("CHECKPOINT");
        if figure("wal_status") == "lost" {
            break;
        }
    }
    assert_eq!(figure("wal_status || ' ' || (restart_lsn IS NULL)"), "lost true");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&example(&stand_in, "slot"));
    workspace.plan().insist_warning("Slot databricks_slot is lost, with 0 bytes");
}
