//! `create_before_destroy`, which a dependent forces on all that it refers to: nothing is lost by it.

use super::whole::PLAIN;
use crate::support::consumer;
use crate::support::sql::{column, literal};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Something that is replaced before it is destroyed, and so is all that it depends on.
const CONSUMER: &str = r#"
resource "terraform_data" "consumer" {
  input            = [neonrep_slot.this.slot_name, neonrep_grant.this.role]
  triggers_replace = [neonrep_slot.this.id, neonrep_grant.this.id]
  lifecycle {
    create_before_destroy = true
  }
}
"#;

fn applied(stand_in: &StandIn, body: &str) -> Workspace {
    PLAIN.prepare(stand_in);
    let workspace = Workspace::new(stand_in);
    workspace.write(body);
    workspace.apply();
    workspace
}

/// What the role may do, and how the table is identified.
fn held(stand_in: &StandIn) -> Vec<String> {
    let role = literal(PLAIN.role);
    let query = format!(
        "SELECT unnest(ARRAY[has_table_privilege({role}, 'public.playing_with_neon', 'SELECT')::text, \
         has_schema_privilege({role}, 'public', 'USAGE')::text, \
         (SELECT count(*)::text FROM pg_default_acl WHERE defaclacl::text LIKE '%reader_one%'), \
         (SELECT relreplident::text FROM pg_class WHERE oid = 'public.playing_with_neon'::regclass), \
         (SELECT oid::text FROM pg_publication WHERE pubname = 'pub_one'), \
         (SELECT oid::text FROM pg_roles WHERE rolname = {role}), \
         (SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = 'slot_one')])"
    );
    column(&stand_in.sql(&query))
}

#[test]
fn forced_by_a_dependent_nothing_that_is_replaced_is_lost() {
    let stand_in = StandIn::start(suite());
    let adopting = PLAIN
        .configuration()
        .replace(
            r#"name       = "reader_one""#,
            r#"name       = "reader_one"
  adopt      = true"#,
        )
        .replace(
            r#"name       = "pub_one""#,
            r#"name       = "pub_one"
  adopt      = true"#,
        );
    let workspace = applied(&stand_in, &format!("{adopting}{CONSUMER}"));
    let before = held(&stand_in);
    assert_eq!(before[..4], ["true", "true", "1", "f"]);
    stand_in.sql("INSERT INTO playing_with_neon(id) VALUES (1)");
    for address in ["grant", "replica_identity", "role"] {
        workspace.apply_with(&[&format!("-replace=neonrep_{address}.this")]);
        assert_eq!(held(&stand_in), before, "{address}");
    }
    // The new resource adopts the publication. The slot, whose publication_id is unknown then, would be replaced behind a
    // publication that exists. The plan refuses that in spite of -replace.
    workspace.try_plan(&["-replace=neonrep_publication.this"]).expect_failure().insist_error("slot");
    assert_eq!(held(&stand_in), before);
    let changes = consumer::take(&stand_in, "slot_one", "pub_one").expect("the slot decodes");
    assert_eq!(changes.len(), 1, "{changes:?}");

    // Terraform tells a creation nothing of the object that is still there: neither its state nor its private state. So what
    // the first grant and identity did counts for the second as there before, and stays as what may be another's does.
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    assert_eq!(held(&stand_in)[..4], ["true", "true", "1", "f"]);
}

#[test]
fn what_meets_its_own_name_explains_it() {
    let stand_in = StandIn::start(suite());
    let workspace = applied(&stand_in, &format!("{}{CONSUMER}", PLAIN.configuration()));
    let before = held(&stand_in);
    for address in ["role", "slot"] {
        let outcome = workspace.apply_fails_with(&[&format!("-replace=neonrep_{address}.this")]);
        outcome.insist_error("already");
        outcome.insist_error("create_before_destroy");
        assert_eq!(held(&stand_in), before, "{address}");
        workspace.insist_on_empty_plan();
    }
    // A new name is all it takes; the old one goes afterwards.
    workspace.write(&format!("{}{CONSUMER}", PLAIN.configuration().replace(r#""slot_one""#, r#""slot_two""#)));
    workspace.apply();
    let slots = column(&stand_in.sql("SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical'"));
    assert_eq!(slots, ["slot_two"]);
    workspace.destroy();
}

#[test]
fn a_publication_is_adopted_before_its_creator_is_destroyed() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let body = |more: &str| {
        format!(
            r#"
resource "neonrep_publication" "this" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  tables     = [{{ name = "playing_with_neon" }}]
  {more}
}}

resource "terraform_data" "consumer" {{
  triggers_replace = [neonrep_publication.this.id]
  lifecycle {{
    create_before_destroy = true
  }}
}}
"#
        )
    };
    let workspace = Workspace::new(&stand_in);
    workspace.write(&body(""));
    workspace.apply();
    let oid = stand_in.value("SELECT oid FROM pg_publication");
    let outcome = workspace.apply_fails_with(&["-replace=neonrep_publication.this"]);
    outcome.insist_error("already exists");
    outcome.insist_error("create_before_destroy");
    workspace.write(&body("adopt = true"));
    workspace.apply_with(&["-replace=neonrep_publication.this"]).insist_warning("was kept");
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid);

    // An instance that a run left over (its delete was interrupted) is deleted by another process, which remembers
    // nothing: the mark in the COMMENT says that the publication was adopted.
    let path = workspace.path().join("terraform.tfstate");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("a state")).expect("JSON");
    let publication = state["resources"]
        .as_array_mut()
        .and_then(|all| all.iter_mut().find(|it| it["type"] == "neonrep_publication"))
        .expect("a publication");
    let mut left = publication["instances"][0].clone();
    left["deposed"] = "0a1b2c3d".into();
    left["attributes"]["adopted"] = false.into();
    left["attributes"]["adopt"] = false.into();
    publication["instances"].as_array_mut().expect("instances").push(left);
    std::fs::write(&path, state.to_string()).expect("a state");
    workspace.apply();
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid, "a left-over instance dropped it");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT oid FROM pg_publication"), oid, "what was adopted is never dropped");
}

/// What each refers to is replaced before it is destroyed. The consumer's own creation fails if `command` does.
const LEFT_OVER: &str = r#"
variable "command" { type = string }

resource "neonrep_grant" "this" {
  project_id = var.project_id
  database   = "neondb"
  role       = "reader"
  schemas    = ["public"]
}

resource "neonrep_replica_identity" "this" {
  project_id = var.project_id
  database   = "neondb"
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "pub_one"
  adopt      = true
  tables     = [{ name = "playing_with_neon", replica_identity_id = neonrep_replica_identity.this.id }]
}

resource "terraform_data" "consumer" {
  triggers_replace = [neonrep_grant.this.id, neonrep_replica_identity.this.id, neonrep_publication.this.id]
  lifecycle {
    create_before_destroy = true
  }
  provisioner "local-exec" {
    command = var.command
  }
}
"#;

/// Plans and applies until the plan does not refuse: it does if it plans the destroy before it reads the living object.
fn apply_again(workspace: &Workspace) -> usize {
    for refused in 0..20 {
        let outcome = workspace.try_apply(&[]);
        if outcome.status == 0 {
            return refused;
        }
        for error in outcome.errors() {
            assert!(error.text().contains("managed at two addresses"), "{error:?}");
        }
    }
    panic!("every plan is refused");
}

#[test]
fn a_left_over_object_is_not_destroyed_under_the_living_one() {
    let stand_in = StandIn::start_logical(suite());
    PLAIN.prepare(&stand_in);
    stand_in.sql("CREATE ROLE reader");
    let workspace = Workspace::new(&stand_in);
    workspace.write(LEFT_OVER);
    workspace.set_env("TF_VAR_command", "true");
    workspace.apply();
    let held = || {
        stand_in.value(
            "SELECT concat_ws(' ', has_table_privilege('reader', 'playing_with_neon', 'SELECT'),
                has_schema_privilege('reader', 'public', 'USAGE'),
                (SELECT count(*) FROM pg_default_acl WHERE defaclacl::text LIKE '%reader%'),
                (SELECT relreplident FROM pg_class WHERE oid = 'playing_with_neon'::regclass),
                (SELECT oid FROM pg_publication))",
        )
    };
    let before = held();
    for address in ["grant", "replica_identity", "publication"] {
        workspace.set_env("TF_VAR_command", "false");
        workspace.apply_fails_with(&[&format!("-replace=neonrep_{address}.this")]).insist_error("local-exec");
        let left = || {
            std::fs::read_to_string(workspace.path().join("terraform.tfstate")).expect("a state").contains("deposed")
        };
        assert!(left(), "{address}: nothing was left over");
        workspace.set_env("TF_VAR_command", "true");
        let refused = apply_again(&workspace);
        assert!(!left(), "{address}: still in the state after {refused} refusals");
        assert_eq!(held(), before, "{address}");
        workspace.insist_on_empty_plan();
    }
}
