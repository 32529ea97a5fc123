//! Passwords and keys stand only where somebody has asked for them, at the loudest log level too.

use serde_json::json;

use super::whole::PLAIN;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const KEPT: &str = r#"name       = "reader_one""#;

fn role(more: &str) -> String {
    PLAIN.configuration().replace(KEPT, &format!("{KEPT}\n  {more}"))
}

const CONNECTION: &str = r#"
data "neonrep_connection" "this" {
  project_id       = var.project_id
  database         = "neondb"
  role_id          = neonrep_role.this.id
  include_password = false
}

output "connection" {
  value = data.neonrep_connection.this.host
}
"#;

/// All that a user can look at.
fn look_at_everything(workspace: &Workspace) {
    workspace.plan_json();
    workspace.plan_text();
    workspace.run(&["show", "-no-color"]);
    workspace.state();
    workspace.outputs();
    workspace.run(&["state", "pull"]);
    workspace.run(&["output", "-no-color"]);
}

#[test]
fn rotations_and_errors_leave_no_password_and_no_key_anywhere() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    let owner = stand_in.password_of(&stand_in.ready.owner_role);
    let mut secrets = vec![stand_in.ready.api_key.clone(), owner];
    for version in ["1", "2", "3"] {
        workspace.write(&format!("{}{CONNECTION}", role(&format!(r#"rotate_when_changed = {{ v = "{version}" }}"#))));
        workspace.apply();
        look_at_everything(&workspace);
        secrets.push(stand_in.password_of("reader_one"));
    }
    secrets.dedup();
    assert_eq!(secrets.len(), 5, "each rotation gives another password");

    // Errors of all kinds: what they quote is not what they were sent.
    for fault in [
        json!({"method": "POST", "path": "/projects/*/branches/*/roles/*/reset_password",
               "action": {"operation": "failed"}}),
        json!({"method": "POST", "path": "/projects/*/branches/*/roles/*/reset_password",
               "action": {"reset": "after"}}),
        json!({"method": "GET", "path": "/projects/*/connection_uri", "action": {"status": 400, "message": "no"}}),
    ] {
        stand_in.fault(&fault);
        workspace.write(&role(&format!(r#"rotate_when_changed = {{ v = "{}" }}"#, secrets.len())));
        workspace.try_apply(&[]);
        look_at_everything(&workspace);
        secrets.push(stand_in.password_of("reader_one"));
        stand_in.no_faults();
    }
    // The owner's password is wrong: the server's refusal is shown, the password is not.
    stand_in.sql("ALTER ROLE neondb_owner PASSWORD 'changed-by-somebody'");
    workspace.try_plan(&[]);
    workspace.try_apply(&[]);
    workspace.set_env("NEON_API_KEY", "napi_a_wrong_key_of_somebody");
    workspace.try_plan(&[]);
    secrets.push("napi_a_wrong_key_of_somebody".to_owned());
    let all: Vec<&str> = secrets.iter().map(String::as_str).collect();
    workspace.no_secret_anywhere(&all);
}

#[test]
fn a_password_is_stored_where_it_was_asked_for_and_goes_again() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&role("store_password = true"));
    workspace.apply();
    let password = stand_in.password_of("reader_one");
    assert_eq!(workspace.attributes("neonrep_role.this")["password"], password.as_str());
    // It is sensitive: people who read a plan or the state's text do not see it.
    let shown = workspace.run(&["show", "-no-color"]).all();
    assert!(!shown.contains(&password), "{shown}");
    assert!(!workspace.plan_text().contains(&password));
    let log = std::fs::read_to_string(workspace.log()).expect("a log");
    let provider: Vec<&str> = log.lines().filter(|it| it.contains("provider.terraform-provider-neonrep")).collect();
    assert!(!provider.is_empty());
    assert!(!provider.iter().any(|it| it.contains(&password)), "the provider logs a password");
    workspace.write(&role("store_password = false"));
    workspace.apply();
    assert!(workspace.attributes("neonrep_role.this")["password"].is_null());
    let state = std::fs::read_to_string(workspace.path().join("terraform.tfstate")).expect("a state");
    assert!(!state.contains(&password));
    workspace.destroy();
}
