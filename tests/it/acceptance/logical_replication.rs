//! `neonrep_logical_replication`: enabled once, verified in a database, never disabled, never lost for a wrong answer.

use serde_json::json;

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ENABLED: &str = r#"
resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}
"#;

const ADDRESS: &str = "neonrep_logical_replication.this";

fn started() -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(ENABLED);
    (stand_in, workspace)
}

#[test]
fn it_is_enabled_once_and_only_forgotten() {
    let (stand_in, workspace) = started();
    assert_eq!(stand_in.value("SHOW wal_level"), "replica");
    workspace.plan().insist_warning("cannot be disabled");
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    assert_eq!(workspace.attributes(ADDRESS)["id"], stand_in.ready.project_id.as_str());
    let patches: Vec<_> = stand_in.requests().into_iter().filter(|it| it["method"] == "PATCH").collect();
    assert_eq!(patches.len(), 1, "{patches:?}");

    workspace.destroy().insist_warning("stays enabled");
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");

    // What is enabled is adopted: no call that changes anything.
    stand_in.forget_requests();
    workspace.plan().insist_warning("is already enabled");
    workspace.apply();
    let changing = stand_in.requests().into_iter().filter(|it| it["method"] != "GET").count();
    assert_eq!(changing, 0, "{:?}", stand_in.requests());
}

#[test]
fn a_compute_that_missed_the_setting_is_restarted_once() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "enable_logical_replication": true }));
    assert_eq!(stand_in.value("SHOW wal_level"), "replica");
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    assert_eq!(stand_in.count_requests("POST", "/restart"), 1);
    assert_eq!(stand_in.count_requests("PATCH", "/projects/"), 0);
}

#[test]
fn an_import_needs_it_enabled() {
    let (stand_in, workspace) = started();
    let refused = workspace.import(ADDRESS, &stand_in.ready.project_id).expect_failure();
    assert!(refused.says("nothing to import"), "{}", refused.all());
    workspace.import(ADDRESS, "Not/an/id").expect_failure();
    workspace.apply();
    workspace.forget(ADDRESS);
    workspace.import(ADDRESS, &stand_in.ready.project_id).expect_success();
    workspace.insist_on_empty_plan();
}

#[test]
fn adding_it_to_a_configuration_replaces_nothing() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    let role = |project: &str| {
        format!(
            r#"
resource "neonrep_role" "this" {{
  project_id = {project}
  name       = "reader"
}}
"#
        )
    };
    workspace.write(&role("var.project_id"));
    workspace.apply();
    workspace.write(&format!("{ENABLED}{}", role("neonrep_logical_replication.this.id")));
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} create")]);
    workspace.apply();
    // The arguments of its creation change in place, and nothing is asked for.
    stand_in.forget_requests();
    let verified = r#"
resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
  verify     = { database = "neondb" }
}
"#;
    workspace.write(&format!("{verified}{}", role("neonrep_logical_replication.this.id")));
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
    workspace.apply();
    assert!(stand_in.requests().iter().all(|it| it["method"] == "GET"));
}

#[test]
fn what_comes_after_it_is_not_warned_that_it_is_off() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    let publication = |project: &str| {
        format!(
            r#"
resource "neonrep_publication" "this" {{
  project_id = {project}
  database   = "neondb"
  name       = "pub_one"
  tables     = [{{ name = "playing_with_neon" }}]
}}
"#
        )
    };
    workspace.write(&publication("var.project_id"));
    workspace.plan().insist_warning("logical_replication_on");
    workspace.write(&format!("{ENABLED}{}", publication("neonrep_logical_replication.this.id")));
    let plan = workspace.plan();
    assert!(!plan.warns("logical_replication_on"), "{:?}", plan.warnings());
    plan.insist_warning("logical_replication_is_one_way");
    workspace.apply();
}

#[test]
fn a_project_that_is_not_there_never_empties_the_state() {
    let (stand_in, workspace) = started();
    stand_in.fault(&json!({ "path": "/projects/**", "times": null, "action": { "not_found": true } }));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("project_id"), "{error:?}");
    stand_in.no_faults();
    workspace.apply();
    stand_in.fault(&json!({ "path": "/projects/**", "times": null, "action": { "not_found": true } }));
    let error = workspace.plan_fails().error();
    for part in [stand_in.ready.project_id.as_str(), "state rm", "-refresh=false"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    workspace.try_apply(&[]).expect_failure();
    assert_eq!(workspace.addresses(), [ADDRESS]);
    // The way past it that the message names: the key works, so the project is gone.
    workspace.destroy_with(&["-refresh=false"]);
    assert!(workspace.addresses().is_empty());
}

#[test]
fn disabled_outside_it_is_created_again() {
    let (stand_in, workspace) = started();
    workspace.apply();
    stand_in.settings(&json!({ "enable_logical_replication": false }));
    assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} create")]);
    workspace.apply();
}

#[test]
fn a_failed_operation_is_an_error_that_the_next_apply_cures() {
    let (stand_in, workspace) = started();
    stand_in.fault(&json!({ "method": "PATCH", "path": "/projects/*", "action": { "operation": "error" } }));
    workspace.apply_fails().insist_error("failed to carry it out");
    // The setting is made, the compute does not know: the next apply sees to it.
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
}

#[test]
fn a_lost_answer_is_settled_by_reading() {
    let (stand_in, workspace) = started();
    stand_in.fault(&json!({ "method": "PATCH", "path": "/projects/*", "action": { "reset": "after" } }));
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    assert_eq!(stand_in.count_requests("PATCH", "/projects/"), 1);
}

#[test]
fn without_a_password_it_is_not_verified() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "store_passwords": false }));
    workspace.apply().insist_warning("does not store passwords");
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
}
