//! One object at two addresses of the state: it is never dropped under the other address, and dropped with the last one.

use super::whole::PLAIN;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const CREATED: &str = r#"
resource "neonrep_publication" "created" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{ name = "playing_with_neon" }]
}
"#;

const IMPORTED: &str = r#"
resource "neonrep_publication" "imported" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{ name = "playing_with_neon" }]
}
"#;

/// What stays in the configuration, so that the state is not empty.
const OTHER: &str = r#"
resource "neonrep_publication" "other" {
  project_id = var.project_id
  database   = "neondb"
  name       = "other"
  publish    = ["insert"]
  tables     = [{ name = "playing_with_neon" }]
}
"#;

const COUNT: &str = "SELECT count(*) FROM pg_publication WHERE pubname = 'pub_one'";

/// A publication that one resource created and another one imported.
fn at_two_addresses(stand_in: &StandIn) -> Workspace {
    PLAIN.prepare(stand_in);
    let workspace = Workspace::new(stand_in);
    workspace.write(&format!("{CREATED}{OTHER}"));
    workspace.apply();
    workspace.write(&format!("{CREATED}{IMPORTED}{OTHER}"));
    workspace.import("neonrep_publication.imported", &stand_in.id_of("pub_one")).expect_success();
    // Each refresh notes the other address, and the state keeps the note.
    workspace.apply();
    workspace
}

/// Takes one address out of the configuration, and then the other.
fn removed_one_after_the_other(stand_in: &StandIn, first: &str, then: &str) {
    let workspace = at_two_addresses(stand_in);
    workspace.write(&format!("{then}{OTHER}"));
    apply_again(&workspace).insist_warning("was kept");
    assert_eq!(stand_in.value(COUNT), "1", "dropped under the other address: {first}");
    workspace.insist_on_empty_plan();
    workspace.write(OTHER);
    let outcome = workspace.apply();
    assert_eq!(stand_in.value(COUNT), "0", "kept although its last address is gone: {}", outcome.messages());
    workspace.destroy();
}

/// Applies until the plan is not refused: it is if it plans the destroy of one address before it reads the other.
fn apply_again(workspace: &Workspace) -> crate::support::outcome::Outcome {
    for _ in 0..20 {
        let outcome = workspace.try_apply(&[]);
        if outcome.status == 0 {
            return outcome;
        }
        outcome.insist_error("managed at two addresses");
    }
    panic!("every plan is refused");
}

#[test]
fn the_created_address_is_removed_first() {
    removed_one_after_the_other(&StandIn::start_logical(suite()), CREATED, IMPORTED);
}

#[test]
fn the_imported_address_is_removed_first() {
    removed_one_after_the_other(&StandIn::start_logical(suite()), IMPORTED, CREATED);
}

#[test]
fn both_addresses_that_are_removed_in_one_run_take_the_object_along() {
    let stand_in = StandIn::start_logical(suite());
    let workspace = at_two_addresses(&stand_in);
    workspace.write(OTHER);
    apply_again(&workspace);
    assert_eq!(stand_in.value(COUNT), "0");
    workspace.insist_on_empty_plan();
    workspace.destroy();
}

#[test]
fn destroy_leaves_nothing_at_either_address() {
    for more in ["-refresh=true", "-refresh=false"] {
        let stand_in = StandIn::start_logical(suite());
        let workspace = at_two_addresses(&stand_in);
        workspace.run(&["destroy", "-json", "-auto-approve", more]).expect_success();
        assert_eq!(stand_in.value(COUNT), "0", "{more}");
    }
}

/// Nothing tells the provider that an address was removed from the state. Terraform 1.9 to 1.13 plan the destroy of what left
/// the configuration before they read it, and so by the last note; others read first.
#[test]
fn an_address_that_was_forgotten_outside_is_believed_until_the_next_refresh() {
    let stand_in = StandIn::start_logical(suite());
    let workspace = at_two_addresses(&stand_in);
    workspace.run(&["state", "rm", "neonrep_publication.imported"]).expect_success();
    workspace.write(OTHER);
    let plan = workspace.plan();
    if plan.messages().contains("will be kept") {
        plan.insist_warning("-refresh-only");
        workspace.try_apply(&["-refresh-only"]).expect_success();
    }
    workspace.apply();
    assert_eq!(stand_in.value(COUNT), "0");
    workspace.destroy();
}

#[test]
fn what_was_kept_without_need_is_imported_and_destroyed() {
    let stand_in = StandIn::start_logical(suite());
    let workspace = at_two_addresses(&stand_in);
    workspace.run(&["state", "rm", "neonrep_publication.imported"]).expect_success();
    workspace.write(OTHER);
    let outcome = workspace.apply_with(&["-refresh=false"]);
    outcome.insist_warning("was kept");
    outcome.insist_warning("import it again and destroy it");
    assert_eq!(stand_in.value(COUNT), "1");
    workspace.write(&format!("{CREATED}{OTHER}"));
    workspace.import("neonrep_publication.created", &stand_in.id_of("pub_one")).expect_success();
    workspace.destroy();
    assert_eq!(stand_in.value(COUNT), "0");
}

/// Grants share privileges, so what the other one declares stays, and the last one revokes it.
#[test]
fn privileges_are_revoked_with_the_last_grant_that_declares_them() {
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    stand_in.sql("CREATE ROLE reader");
    let grant = |name: &str| {
        format!(
            r#"
resource "neonrep_grant" "{name}" {{
  project_id = var.project_id
  database   = "neondb"
  role       = "reader"
  tables     = [{{ name = "playing_with_neon" }}]
}}
"#
        )
    };
    let reads = || stand_in.value("SELECT has_table_privilege('reader', 'playing_with_neon', 'SELECT')::text");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&format!("{}{OTHER}", grant("created")));
    workspace.apply();
    workspace.write(&format!("{}{}{OTHER}", grant("created"), grant("imported")));
    let id = format!("{}/public.playing_with_neon", stand_in.id_of("reader"));
    workspace.import("neonrep_grant.imported", &id).expect_success();
    workspace.apply();
    workspace.write(&format!("{}{OTHER}", grant("imported")));
    apply_again(&workspace);
    assert_eq!(reads(), "true", "revoked under the other grant");
    workspace.insist_on_empty_plan();
    workspace.write(OTHER);
    workspace.apply();
    assert_eq!(reads(), "false");
    workspace.destroy();
}
