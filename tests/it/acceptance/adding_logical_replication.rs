//! `neonrep_logical_replication` comes and goes in a configuration that exists: nothing else moves.

use super::whole::{ADDRESSES, LOGICAL_REPLICATION, PLAIN};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const CONNECTION: &str = r#"
data "neonrep_connection" "this" {
  project_id = var.project_id
  database   = "neondb"
  role_id    = neonrep_role.this.id
}

output "host" {
  value = data.neonrep_connection.this.host
}

resource "terraform_data" "consumer" {
  triggers_replace = [data.neonrep_connection.this.host, neonrep_slot.this.slot_name, neonrep_slot.this.publication_name]
}
"#;

#[test]
fn it_is_added_to_the_whole_guide_and_taken_away_again() {
    // Logical replication was turned on by hand, long ago.
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    let without = format!("{}{CONNECTION}", PLAIN.without_enabling("var.project_id"));
    workspace.write(&without);
    workspace.apply();
    let states = || ADDRESSES.map(|address| (address, workspace.attributes(address)));
    let before = states();
    let pid = stand_in.value("SELECT pg_postmaster_start_time()");

    // Referred to by everything.
    workspace.write(&format!("{}{CONNECTION}", PLAIN.configuration()));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this create"], "{}", plan.messages());
    workspace.apply();
    for (address, attributes) in &before {
        if !attributes.is_null() {
            assert_eq!(&workspace.attributes(address), attributes);
        }
    }
    assert_eq!(stand_in.value("SELECT pg_postmaster_start_time()"), pid, "it was on already: no restart");

    // Its own replacement, too, moves nothing else: the id is known.
    let plan = workspace.plan_with(&["-replace=neonrep_logical_replication.this"]);
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this replace"], "{}", plan.messages());
    workspace.apply_with(&["-replace=neonrep_logical_replication.this"]);

    // And back.
    workspace.write(&without);
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this delete"], "{}", plan.messages());
    workspace.apply().insist_warning("stays enabled");
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    workspace.destroy();
}

#[test]
fn it_is_added_where_it_is_off_and_the_publication_waits() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    // What needs no logical replication exists; the slot comes together with the setting.
    let all = PLAIN.without_enabling("var.project_id");
    let until_slot = all.find("resource \"neonrep_slot\"").expect("a slot");
    workspace.write(&all[..until_slot]);
    workspace.apply();
    // The slot without the setting: told at plan, refused by the server at apply, nothing lost.
    workspace.write(&all);
    workspace.plan().insist_warning("ogical replication");
    workspace.apply_fails().insist_error("neonrep_logical_replication");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    workspace.write(&format!("{LOGICAL_REPLICATION}{}", PLAIN.without_enabling("neonrep_logical_replication.this.id")));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this create", "neonrep_slot.this create"]);
    plan.insist_warning("restart");
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    workspace.destroy();
}
