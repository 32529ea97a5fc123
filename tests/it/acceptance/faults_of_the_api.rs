//! The API has a bad day while the whole guide is applied: waited out where that helps, named where it does not.

use serde_json::json;

use super::whole::{ADDRESSES, PLAIN};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn started() -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(&PLAIN.configuration());
    (stand_in, workspace)
}

const ROLES: &str = "/projects/*/branches/*/roles";
const ROLE: &str = "neonrep_role.this";

fn roles(stand_in: &StandIn) -> String {
    stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'")
}

#[test]
fn what_passes_by_itself_is_waited_out() {
    let (stand_in, workspace) = started();
    for (method, path, action) in [
        ("GET", "/projects/*", json!({"status": 503, "message": "try later", "headers": {"Retry-After": "1"}})),
        ("GET", "/projects/*", json!({"status": 429, "message": "slowly", "headers": {"Retry-After": "1"}})),
        ("GET", "/projects/*", json!({"status": 502, "html": "<html>bad gateway</html>"})),
        ("GET", "/projects/*", json!({"reset": "before"})),
        ("GET", "/projects/*/branches", json!({"status": 500, "message": "oops"})),
        ("GET", "/projects/*/connection_uri", json!({"reset": "after"})),
        ("GET", "/projects/*/operations/*", json!({"status": 503})),
        ("PATCH", "/projects/*", json!({"status": 423, "message": "project already has running operations"})),
        ("PATCH", "/projects/*", json!({"status": 429, "headers": {"Retry-After": "1"}})),
        ("PATCH", "/projects/*", json!({"reset": "after"})),
        ("POST", ROLES, json!({"status": 423})),
        ("POST", ROLES, json!({"reset": "before"})),
    ] {
        stand_in.fault(&json!({"method": method, "path": path, "action": action}));
    }
    workspace.apply();
    assert_eq!(workspace.addresses(), ADDRESSES);
    assert_eq!(workspace.attributes(ROLE)["adopted"], false);
    let left = stand_in.admin("GET", "/faults", None);
    let left: Vec<_> = left["faults"].as_array().into_iter().flatten().filter(|it| it["applied"] == 0).collect();
    assert!(left.is_empty(), "faults that met nobody: {left:?}");

    // The same at the end.
    for (method, path, action) in [
        ("DELETE", "/projects/*/branches/*/roles/*", json!({"status": 423})),
        ("DELETE", "/projects/*/branches/*/roles/*", json!({"status": 503})),
        ("DELETE", "/projects/*/branches/*/roles/*", json!({"reset": "after"})),
    ] {
        stand_in.fault(&json!({"method": method, "path": path, "action": action}));
    }
    workspace.destroy();
    assert_eq!(roles(&stand_in), "0");
}

#[test]
fn a_lost_answer_creates_no_second_role_and_adopts_none() {
    let (stand_in, workspace) = started();
    for action in [
        json!({"reset": "after"}),
        json!({"status": 500, "message": "oops", "after_effect": true}),
        json!({"status": 502, "html": "<html>gateway</html>", "after_effect": true}),
        json!({"status": 503, "message": "try later", "after_effect": true}),
        json!({"reset": "before"}),
        json!({"status": 503}),
    ] {
        stand_in.fault(&json!({"method": "POST", "path": ROLES, "action": action}));
        workspace.apply();
        assert_eq!(roles(&stand_in), "1", "{action}");
        let role = workspace.attributes(ROLE);
        assert_eq!(role["adopted"], false, "{action}: what we made is ours");
        workspace.destroy();
        assert_eq!(roles(&stand_in), "0", "{action}");
    }

    // A role that was there before is nobody's own, whatever was lost.
    stand_in.sql("CREATE ROLE reader_one LOGIN");
    stand_in.fault(&json!({"method": "POST", "path": ROLES, "action": {"reset": "before"}}));
    workspace.apply_fails().insist_error("already exists");
    assert!(!workspace.addresses().contains(&ROLE.to_owned()));
    assert_eq!(roles(&stand_in), "1");
}

#[test]
fn an_operation_that_fails_is_named_and_the_next_apply_cures_it() {
    for fate in ["failed", "error", "cancelled"] {
        let (stand_in, workspace) = started();
        stand_in.fault(&json!({"method": "POST", "path": ROLES, "action": {"operation": fate}}));
        let outcome = workspace.apply_fails();
        outcome.insist_error("create role `reader_one`");
        assert!(outcome.errors().iter().any(|it| it.text().contains("operation")), "{}", outcome.messages());
        workspace.apply();
        assert_eq!(roles(&stand_in), "1");
        workspace.destroy();
        assert_eq!(roles(&stand_in), "0");

        stand_in.fault(&json!({"method": "DELETE", "path": format!("{ROLES}/*"), "action": {"operation": fate}}));
        workspace.apply();
        workspace.try_destroy(&[]).expect_failure().insist_error("reader_one");
        assert_eq!(roles(&stand_in), "1");
        assert_eq!(workspace.addresses(), ["neonrep_logical_replication.this", ROLE]);
        workspace.destroy();
        assert_eq!(roles(&stand_in), "0");
    }
}

#[test]
fn enabling_that_fails_is_named_and_the_next_apply_cures_it() {
    let (stand_in, workspace) = started();
    stand_in.fault(&json!({"method": "PATCH", "path": "/projects/*", "action": {"operation": "failed"}}));
    let outcome = workspace.try_apply(&[]);
    if outcome.status != 0 {
        outcome.insist_error("logical replication");
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
    }
    workspace.apply();
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    workspace.destroy();
}

#[test]
fn what_is_refused_names_what_the_api_said() {
    let (stand_in, workspace) = started();
    for (action, said) in [
        (json!({"status": 403, "message": "not allowed for this key"}), "not allowed for this key"),
        (json!({"status": 401, "message": "who are you"}), "NEON_API_KEY"),
        (json!({"status": 422, "message": "roles limit reached"}), "roles limit reached"),
        (json!({"status": 400, "message": "this is no name"}), "this is no name"),
        (json!({"status": 200, "html": "<html>hello</html>"}), "page for people"),
        (json!({"status": 200, "html": "<html>hello</html>"}), "NEON_API_URL"),
        (json!({"status": 307, "message": "elsewhere", "headers": {"Location": "http://127.0.0.1:1/"}}), "307"),
    ] {
        stand_in.fault(&json!({"method": "POST", "path": ROLES, "times": null, "action": action}));
        let outcome = workspace.apply_fails();
        stand_in.no_faults();
        outcome.insist_error(said);
        outcome.insist_error("reader_one");
        assert!(!workspace.addresses().contains(&ROLE.to_owned()), "{action}");
        assert_eq!(roles(&stand_in), "0");
    }
    workspace.apply();
    workspace.destroy();
}

#[test]
fn a_plan_gives_up_an_unreachable_api_soon_and_once_for_all_resources() {
    let (stand_in, workspace) = started();
    workspace.apply();
    let right = stand_in.env().into_iter().find_map(|(name, value)| (name == "NEON_API_URL").then_some(value));
    workspace.set_env("NEON_API_URL", "http://127.0.0.1:1/api/v2");
    workspace.set_parallelism(1);
    let outcome = workspace.plan_fails();
    outcome.insist_error("Connection refused");
    outcome.insist_error("HTTPS_PROXY");

    workspace.set_env("NEON_API_URL", "http://console.neon.example/api/v2");
    workspace.plan_fails().insist_error("would send the API key unencrypted");

    workspace.set_env("NEON_API_URL", right.expect("where the stand-in is"));
    workspace.destroy();
    assert_eq!(roles(&stand_in), "0");
}
