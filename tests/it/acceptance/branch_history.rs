//! A branch that was restored to a moment of its past: what a plan says of what is gone, and that nothing is recreated in silence.

use serde_json::json;

use super::branches::{call, until_ready};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ROLE: &str = r#"
resource "neonrep_role" "reader" {
  project_id = var.project_id
  name       = "reader"
}

data "neonrep_connection" "reader" {
  project_id       = var.project_id
  database         = "neondb"
  role_id          = neonrep_role.reader.id
  include_password = true
}

output "password" {
  value     = data.neonrep_connection.reader.password
  sensitive = true
}
"#;

const GRANT: &str = r#"
resource "neonrep_grant" "reader" {
  project_id = var.project_id
  database   = "neondb"
  role       = neonrep_role.reader.name
  tables     = [{ name = "playing_with_neon" }]
}
"#;

const PUBLICATION: &str = r#"
resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "orders"
  tables     = [{ name = "playing_with_neon" }]
}
"#;

const SLOT: &str = r#"
resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "orders_slot"
}
"#;

const SLOT_ADDRESS: &str = "neonrep_slot.this";

/// A position in the WAL of the default branch.
fn position(stand_in: &StandIn) -> String {
    stand_in.value("SELECT pg_current_wal_insert_lsn()")
}

/// Restores the default branch to a position of its own past, and keeps what it was under `name`.
fn restore(stand_in: &StandIn, position: &str, name: &str) {
    let branch = stand_in.ready.branch_id.clone();
    let body = json!({ "source_branch_id": branch, "source_lsn": position, "preserve_under_name": name });
    call(stand_in, "POST", &format!("/branches/{branch}/restore"), Some(&body));
    until_ready(stand_in, &branch);
}

fn a_branch_is_restored_to_before_the_slot(postgres: u16) {
    let stand_in = StandIn::start_logical(postgres);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&format!("{ROLE}{PUBLICATION}"));
    workspace.apply();
    let between = position(&stand_in);
    workspace.write(&format!("{ROLE}{PUBLICATION}{SLOT}"));
    workspace.apply();
    // A password of later is the branch's own, and a restore leaves it.
    let branch = format!("/branches/{}", stand_in.ready.branch_id);
    call(&stand_in, "POST", &format!("{branch}/roles/reader/reset_password"), None);
    until_ready(&stand_in, &stand_in.ready.branch_id);
    workspace.apply();
    let (slot, password) = (workspace.attributes(SLOT_ADDRESS), workspace.outputs()["password"].clone());
    restore(&stand_in, &between, "before");

    // The publication is the one of before, so only the slot is missing. The password has outlived the restore.
    let plan = workspace.plan();
    plan.insist_warning("Slot `orders_slot` is missing");
    plan.insist_warning("new initial sync");
    assert_eq!(plan.changes(), [format!("{SLOT_ADDRESS} update")]);
    workspace.apply_fails().insist_error("-replace");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'orders_slot'"), "0");
    workspace.apply_with(&["-replace=neonrep_slot.this"]);
    assert_eq!(workspace.attributes(SLOT_ADDRESS)["status"], "ok");
    assert_eq!(workspace.attributes(SLOT_ADDRESS)["publication_oid"], slot["publication_oid"]);
    assert_eq!(workspace.outputs()["password"], password);
    let password = password["value"].as_str().expect("a password");
    stand_in.sql_as("reader", password, "SELECT 1").expect("the reader still gets in");
    workspace.destroy();
}

#[test]
fn a_branch_is_restored_to_before_the_slot_on_14() {
    a_branch_is_restored_to_before_the_slot(14);
}

#[test]
fn a_branch_is_restored_to_before_the_slot_on_17() {
    a_branch_is_restored_to_before_the_slot(17);
}

fn a_branch_is_restored_to_before_the_publication(postgres: u16) {
    let stand_in = StandIn::start_logical(postgres);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    let before = position(&stand_in);
    workspace.write(&format!("{ROLE}{GRANT}{PUBLICATION}{SLOT}"));
    workspace.apply();
    let password = workspace.outputs()["password"].clone();
    restore(&stand_in, &before, "before");

    // What a plan creates by itself is what nobody has read: the publication and the grant. The role is the control
    // plane's, which made it again with its password. The slot waits for a confirmation.
    let plan = workspace.plan();
    plan.insist_warning("Slot `orders_slot` is missing");
    let changes = ["neonrep_grant.reader update", "neonrep_publication.this create", "neonrep_slot.this update"];
    assert_eq!(sorted(plan.changes()), changes);
    workspace.apply_fails().insist_error("-replace");
    let slots = || stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'orders_slot'");
    assert_eq!(slots(), "0");
    workspace.plan().insist_warning("Slot `orders_slot` is missing");
    workspace.apply_with(&["-replace=neonrep_slot.this"]);
    assert_eq!((workspace.attributes(SLOT_ADDRESS)["status"].clone(), slots().as_str()), (json!("ok"), "1"));
    assert_eq!(workspace.outputs()["password"], password);
    let password = password["value"].as_str().expect("a password");
    stand_in.sql_as("reader", password, "SELECT 1").expect("the reader still gets in");
    let granted = "SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'reader'";
    assert_eq!(stand_in.value(granted), "1");
    workspace.destroy();
}

fn sorted(mut changes: Vec<String>) -> Vec<String> {
    changes.sort();
    changes
}

#[test]
fn a_branch_is_restored_to_before_the_publication_on_14() {
    a_branch_is_restored_to_before_the_publication(14);
}

#[test]
fn a_branch_is_restored_to_before_the_publication_on_17() {
    a_branch_is_restored_to_before_the_publication(17);
}

/// A consumer's new branch from the past of its source has the publication of then, and needs a slot of its own.
#[test]
fn a_branch_of_the_past_is_prepared_like_any_other() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&format!("{PUBLICATION}{SLOT}"));
    workspace.apply();
    let then = position(&stand_in);
    stand_in.sql("ALTER PUBLICATION orders DROP TABLE playing_with_neon");
    let body = json!({ "branch": { "name": "then", "parent_lsn": then }, "endpoints": [{ "type": "read_write" }] });
    let branch = call(&stand_in, "POST", "/branches", Some(&body))["branch"]["id"].as_str().expect("an id").to_owned();
    until_ready(&stand_in, &branch);
    let copy = Workspace::new(&stand_in);
    let there = format!("{PUBLICATION}{SLOT}").replace("database ", &format!("branch_id  = \"{branch}\"\n  database "));
    copy.write(&there);
    let id = format!("{}/{branch}/neondb/orders", stand_in.ready.project_id);
    copy.import("neonrep_publication.this", &id).expect_success();
    assert_eq!(
        copy.plan().changes(),
        [format!("{SLOT_ADDRESS} create")],
        "the table is published there as it was then"
    );
    copy.apply();
    copy.destroy();
    assert_eq!(workspace.plan().changes(), ["neonrep_publication.this update"]);
}
