//! Branches of a Neon project in all their states: what a plan says of each, and what becomes of publications and slots.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// A publication and its slot, on the branch of the variable; null is the default branch.
const SOURCE: &str = r#"
variable "branch_id" {
  type    = string
  default = null
}

resource "neonrep_publication" "this" {
  project_id = var.project_id
  branch_id  = var.branch_id
  database   = "neondb"
  name       = "orders"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "orders_slot"
}
"#;

/// What a branch has.
const CATALOG: &str = r#"
variable "branch_id" {
  type    = string
  default = null
}

data "neonrep_publications" "all" {
  project_id = var.project_id
  branch_id  = var.branch_id
  database   = "neondb"
}

data "neonrep_slots" "all" {
  project_id = var.project_id
  branch_id  = var.branch_id
  database   = "neondb"
}

data "neonrep_connection" "owner" {
  project_id       = var.project_id
  branch_id        = var.branch_id
  database         = "neondb"
  username         = "neondb_owner"
  include_password = true
}

output "publications" {
  value = [for it in data.neonrep_publications.all.publications : it.name]
}

output "slots" {
  value = [for it in data.neonrep_slots.all.slots : it.name]
}

output "password" {
  value     = data.neonrep_connection.owner.password
  sensitive = true
}
"#;

const SLOT: &str = "neonrep_slot.this";

fn started() -> (StandIn, Workspace) {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(SOURCE);
    (stand_in, workspace)
}

/// A call that is repeated while operations of the project run.
pub(super) fn call(stand_in: &StandIn, method: &str, path: &str, body: Option<&Value>) -> Value {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let (status, answer) = stand_in.api(method, &format!("/projects/{}{path}", stand_in.ready.project_id), body);
        if status != 423 {
            assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
            return answer;
        }
        assert!(Instant::now() < until, "{method} {path}: still locked");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A child of the default branch with a read-write compute.
fn child(stand_in: &StandIn, name: &str) -> String {
    let body = json!({ "branch": { "name": name }, "endpoints": [{ "type": "read_write" }] });
    let answer = call(stand_in, "POST", "/branches", Some(&body));
    let id = answer["branch"]["id"].as_str().expect("an id").to_owned();
    until_ready(stand_in, &id);
    id
}

pub(super) fn until_ready(stand_in: &StandIn, id: &str) {
    let until = Instant::now() + Duration::from_mins(1);
    while call(stand_in, "GET", &format!("/branches/{id}"), None)["branch"]["current_state"] != "ready" {
        assert!(Instant::now() < until, "{id} is not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    // The branch is ready before its operations are over.
    call(stand_in, "PATCH", &format!("/branches/{id}"), Some(&json!({ "branch": {} })));
}

fn outputs(workspace: &Workspace) -> Value {
    let outputs = workspace.state()["values"]["outputs"].clone();
    json!({
        "publications": outputs["publications"]["value"], "slots": outputs["slots"]["value"],
        "password": outputs["password"]["value"],
    })
}

#[test]
fn a_child_has_the_publications_and_neither_slots_nor_subscriptions() {
    let (stand_in, parent) = started();
    parent.apply();
    stand_in.sql("CREATE SUBSCRIPTION s CONNECTION 'host=localhost' PUBLICATION p WITH (connect = false)");
    let branch = child(&stand_in, "child");
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("TF_VAR_branch_id", &branch);
    workspace.write(CATALOG);
    workspace.apply();
    let found = outputs(&workspace);
    assert_eq!((&found["publications"], &found["slots"]), (&json!(["orders"]), &json!([])));
    let (status, answer) = stand_in.api(
        "GET",
        &format!(
            "/projects/{}/connection_uri?branch_id={branch}&database_name=neondb&role_name=neondb_owner",
            stand_in.ready.project_id
        ),
        None,
    );
    assert_eq!(status, 200, "{answer}");
    let port = answer["uri"].as_str().and_then(|uri| uri.split(':').nth(3)).expect("a port");
    let port: u16 = port.split('/').next().and_then(|it| it.parse().ok()).expect("a number");
    let there = |query: &str| {
        let mut config = tokio_postgres::Config::new();
        let password = found["password"].as_str().expect("a password");
        config.host("localhost").port(port).dbname("neondb").user("neondb_owner").password(password);
        let session =
            crate::support::sql::Session::open_verified(&stand_in.runtime, &config, &stand_in.ready.sslrootcert);
        crate::support::sql::single(&session.expect("the child").run(query).expect("rows"))
    };
    assert_eq!(there("SELECT count(*) FROM pg_subscription"), "0");

    // A slot of the parent is none of the child's; the publication is there and can be imported.
    workspace.write(SOURCE);
    let id = |name: &str| format!("{}/{branch}/neondb/{name}", stand_in.ready.project_id);
    workspace.import("neonrep_publication.this", &id("orders")).expect_success();
    workspace.import(SLOT, &id("orders_slot")).expect_failure();
    workspace.apply();
    assert_eq!(there("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'orders_slot'"), "1");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'orders_slot'"), "1");
}

#[test]
fn a_child_of_a_protected_branch_has_passwords_of_its_own() {
    let (stand_in, workspace) = started();
    workspace.write(CATALOG);
    workspace.apply();
    let of_parent = outputs(&workspace)["password"].clone();
    let plain = child(&stand_in, "plain");
    stand_in.settings(&json!({ "branch_protected": true }));
    let of_protected = child(&stand_in, "of-protected");
    for (branch, same) in [(plain, true), (of_protected, false)] {
        workspace.set_env("TF_VAR_branch_id", branch);
        workspace.apply();
        assert_eq!(outputs(&workspace)["password"] == of_parent, same);
    }
}

#[test]
fn a_restored_branch_has_lost_its_slots() {
    let (stand_in, workspace) = started();
    workspace.apply();
    let source = child(&stand_in, "source");
    let default = stand_in.ready.branch_id.clone();
    let body = json!({ "source_branch_id": source, "preserve_under_name": "before" });
    call(&stand_in, "POST", &format!("/branches/{default}/restore"), Some(&body));
    until_ready(&stand_in, &default);
    // The publication came along from the other branch, the slot did not.
    let plan = workspace.plan();
    plan.insist_warning("Slot `orders_slot` is missing");
    plan.insist_warning("new initial sync");
    assert_eq!(plan.changes(), [format!("{SLOT} update")]);
    workspace.apply_fails().insist_error("-replace");
    workspace.apply_with(&["-replace=neonrep_slot.this"]);
    assert_eq!(workspace.attributes(SLOT)["status"], "ok");
}

#[test]
fn objects_stay_on_their_branch_when_another_becomes_the_default() {
    let (stand_in, workspace) = started();
    workspace.apply();
    let next = child(&stand_in, "next");
    call(&stand_in, "POST", &format!("/branches/{next}/set_as_default"), None);
    workspace.insist_on_empty_plan();
    assert_eq!(workspace.attributes("neonrep_publication.this")["branch_id"], stand_in.ready.branch_id.as_str());
    // What is new is created on the new default branch, and one warning names both.
    let more = r#"
resource "neonrep_publication" "more" {
  project_id = var.project_id
  database   = "neondb"
  name       = "more"
  tables     = [{ name = "playing_with_neon" }]

  depends_on = [neonrep_slot.this] # planned after those that stay
}
"#;
    workspace.write(&format!("{SOURCE}{more}"));
    let plan = workspace.plan();
    plan.insist_warning("two branches");
    for part in [next.as_str(), stand_in.ready.branch_id.as_str()] {
        plan.insist_warning(part);
    }
    workspace.apply();
    assert_eq!(workspace.attributes("neonrep_publication.more")["branch_id"], next.as_str());
    assert_eq!(workspace.attributes("neonrep_publication.this")["branch_id"], stand_in.ready.branch_id.as_str());
}

#[test]
fn a_branch_that_expires_is_told_in_advance_and_takes_its_objects_along() {
    let (stand_in, workspace) = started();
    let branch = child(&stand_in, "for-a-day");
    workspace.set_env("TF_VAR_branch_id", &branch);
    let expires = |at: &str| {
        let body = json!({ "branch": { "expires_at": at } });
        call(&stand_in, "PATCH", &format!("/branches/{branch}"), Some(&body));
    };
    expires("2036-01-01T00:00:00Z");
    let plan = workspace.plan();
    plan.insist_warning("branch_lasts");
    plan.insist_warning("2036-01-01T00:00:00Z");
    workspace.apply();
    expires("2020-01-01T00:00:00Z");
    let until = Instant::now() + Duration::from_mins(1);
    let path = format!("/projects/{}/branches/{branch}", stand_in.ready.project_id);
    while stand_in.api("GET", &path, None).0 != 404 {
        assert!(Instant::now() < until, "the branch does not expire");
        std::thread::sleep(Duration::from_millis(100));
    }
    // A plan warns of the branch that is named and absent, the apply refuses to create there, and a destroy passes.
    let plan = workspace.plan();
    plan.insist_warning(&branch);
    let failed = workspace.apply_fails();
    assert!(failed.says("does not exist") && failed.says(&branch), "{}", failed.all());
    workspace.destroy();
    assert!(workspace.addresses().is_empty());
}

#[test]
fn an_archived_branch_is_told_in_advance_and_used() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "branch_state": "archived" }));
    let plan = workspace.plan();
    plan.insist_warning("Branch is archived");
    plan.insist_warning("connect_timeout");
    workspace.apply();
    // Said of what is created there, not of what is there.
    assert!(!workspace.plan().warns("Branch is archived"));
}

#[test]
fn a_branch_without_a_compute_is_named_and_one_with_replicas_only_too() {
    let (stand_in, workspace) = started();
    let body = json!({ "branch": { "name": "bare" } });
    let answer = call(&stand_in, "POST", "/branches", Some(&body));
    let branch = answer["branch"]["id"].as_str().expect("an id").to_owned();
    until_ready(&stand_in, &branch);
    workspace.set_env("TF_VAR_branch_id", &branch);
    workspace.plan().insist_warning("has no compute");
    let failed = workspace.apply_fails();
    failed.insist_error("has no compute");
    failed.insist_error("Add one in the Neon console");

    let endpoint = |kind: &str| {
        let body = json!({ "endpoint": { "branch_id": branch, "type": kind } });
        let answer = call(&stand_in, "POST", "/endpoints", Some(&body));
        call(&stand_in, "PATCH", &format!("/branches/{branch}"), Some(&json!({ "branch": {} })));
        answer["endpoint"]["id"].as_str().expect("an id").to_owned()
    };
    let replica = endpoint("read_only");
    workspace.plan().insist_warning("only read replicas");
    workspace.apply_fails().insist_error("only read replicas");

    // Once there is a read-write compute it is used, although the replica is older and listed as well.
    endpoint("read_write");
    workspace.apply();
    let listed = call(&stand_in, "GET", &format!("/branches/{branch}/endpoints"), None);
    assert!(listed["endpoints"].to_string().contains(&replica), "{listed}");
    assert_eq!(workspace.attributes(SLOT)["status"], "ok");
}

#[test]
fn a_key_that_may_only_read_changes_nothing_by_the_api_and_sql_goes_on() {
    let (stand_in, workspace) = started();
    stand_in.settings(&json!({ "permission": "VIEWER" }));
    workspace.apply();
    let role = r#"
resource "neonrep_role" "this" {
  project_id = var.project_id
  name       = "reader"
}

resource "neonrep_allowed_ips" "this" {
  project_id = var.project_id
  ips        = ["127.0.0.1"]
  enforce    = true
}
"#;
    stand_in.forget_requests();
    workspace.write(&format!("{SOURCE}{role}"));
    let failed = workspace.plan_fails();
    for part in ["Cannot create role `reader`", "Cannot change IP Allow", "its permission is `VIEWER`"] {
        assert!(failed.says(part), "{part}: {}", failed.all());
    }
    workspace.set_env("NEONREP_PLAN_CHECKS", "off");
    assert!(workspace.apply_fails().says("its permission is `VIEWER`"));
    assert!(stand_in.requests().iter().all(|it| it["method"] == "GET"), "nothing was changed by the API");
}
