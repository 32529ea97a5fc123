//! Logging in through Neon's proxy, which keeps what it has learned for a while, and says in words of its own what is wrong.

use serde_json::json;

use super::whole::PLAIN;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const WRITER: &str = r#"
resource "neonrep_role" "writer" {
  project_id          = var.project_id
  name                = "writer"
  rotate_when_changed = { v = "VERSION" }
}

resource "neonrep_publication" "this" {
  project_id = var.project_id
  database   = "neondb"
  name       = "p"
  all_tables = true
  publish    = [PUBLISH]
  connect_as = neonrep_role.writer.name
}
"#;

fn writer(version: &str, publish: &str) -> String {
    WRITER.replace("VERSION", version).replace("PUBLISH", publish)
}

/// How often the provider has met a refusal and tried again.
fn retries(workspace: &Workspace) -> usize {
    let log = std::fs::read_to_string(workspace.log()).expect("a log");
    log.lines().filter(|it| it.contains("connection refused, trying again")).count()
}

#[test]
fn a_password_that_this_run_has_set_is_tried_until_the_proxy_knows_it() {
    let stand_in = StandIn::start_logical(suite());
    let workspace = Workspace::new(&stand_in);
    // The proxy is asked for the role before it exists, and keeps the answer.
    stand_in.settings(&json!({"proxy_role_cache_ms": 12_000}));
    assert!(stand_in.sql_as("writer", "nobody knows", "SELECT 1").is_err());
    workspace.write(&writer("1", r#""insert""#));
    workspace.apply();
    let of_create = retries(&workspace);
    assert!(of_create > 3, "{of_create}");

    // The proxy keeps the password that is reset here.
    stand_in.settings(&json!({"proxy_role_cache_ms": 0}));
    let password = stand_in.password_of("writer");
    stand_in.sql_as("writer", &password, "SELECT 1").expect("the right password");
    stand_in.settings(&json!({"proxy_role_cache_ms": 12_000}));
    workspace.write(&writer("2", r#""insert", "update""#));
    workspace.apply();
    let of_reset = retries(&workspace) - of_create;
    assert!(of_reset > 3, "{of_reset}");
    assert_eq!(stand_in.value("SELECT pubupdate FROM pg_publication WHERE pubname = 'p'"), "t");
    stand_in.settings(&json!({"proxy_role_cache_ms": 0}));
    workspace.destroy();
}

#[test]
fn a_compute_that_this_run_restarts_may_be_called_disabled_for_a_while() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&PLAIN.configuration());
    stand_in.settings(&json!({
        "refuse_connections": "The endpoint has been disabled. Enable it using the API and retry.",
        "refuse_sqlstate": "28000",
        "refuse_times": 9,
    }));
    workspace.apply_once(&[]);
    assert!(retries(&workspace) > 3, "{}", retries(&workspace));
    workspace.insist_on_empty_plan();
    workspace.destroy();
}

#[test]
fn what_the_proxy_refuses_for_good_fails_at_once_and_says_what_cures_it() {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&PLAIN.configuration());
    workspace.apply();
    for (sqlstate, text, cure) in [
        (
            "28000",
            "The endpoint has been disabled. Enable it using the API and retry.",
            "Enable it in the Neon console",
        ),
        ("XX000", "The requested endpoint could not be found, or you don't have access to it.", "Check `branch_id`"),
        ("XX000", "You have exceeded the limit of concurrently active endpoints.", "Suspend or delete computes"),
        ("XX000", "Your account or project has exceeded the compute time quota.", "Raise the quota"),
        ("XX000", "The role you're attempting to use is protected", "`connect_as` to a role that may"),
        ("XX000", "password authentication failed for user 'neondb_owner'", "the compute was deleted"),
        ("28P01", "password authentication failed for user \"neondb_owner\"", "changed with SQL"),
        ("XX000", "database \"neondb\" does not exist", "Create the database first"),
    ] {
        stand_in.settings(&json!({"refuse_connections": text, "refuse_sqlstate": sqlstate, "refuse_times": 1000}));
        let outcome = workspace.plan_fails();
        outcome.insist_error(cure);
        outcome.insist_error(text);
        let left = stand_in.admin("GET", "/settings", None)["refuse_times"].as_u64().expect("a count");
        assert!((980..1000).contains(&left), "{text}: tried {} times", 1000 - left);
    }
    // These pass by themselves.
    for (sqlstate, text) in [
        ("XX000", "Your project already has running operations. Please wait until they complete, and then try again."),
        ("XX000", "error communicating with the server: early eof"),
        ("08006", "couldn't connect to compute node"),
    ] {
        stand_in.settings(&json!({"refuse_connections": text, "refuse_sqlstate": sqlstate, "refuse_times": 2}));
        workspace.insist_on_empty_plan();
    }
    stand_in.settings(&json!({"refuse_connections": null, "refuse_sqlstate": null, "refuse_times": null}));
    workspace.destroy();
}
