//! What cannot be read is not gone: nothing empties a state, and a destroy works in spite of all that is lost outside.

use serde_json::{Value, json};

use super::whole::{ADDRESSES, Names, PLAIN};
use crate::support::outcome::Outcome;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const OTHER_DATABASE: Names<'static> = Names { database: "other_db", ..PLAIN };

/// Short times, so that what never answers is given up soon.
fn hurried(body: &str) -> String {
    let timeouts = r#"timeouts = { read = "4s", create = "20s", update = "6s", delete = "6s" }"#;
    let body = body.replace("\" \"this\" {\n", &format!("\" \"this\" {{\n  {timeouts}\n"));
    format!(
        r#"
provider "neonrep" {{
  connect_timeout = "2s"
}}

variable "project_id" {{ type = string }}
{body}
"#
    )
}

fn applied(names: &Names) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    names.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write_with_provider(&hurried(&names.configuration()));
    workspace.apply();
    (stand_in, workspace)
}

fn resources(workspace: &Workspace) -> Value {
    let mut found = workspace.state()["values"]["root_module"]["resources"].clone();
    for it in found.as_array_mut().into_iter().flatten() {
        it["depends_on"] = Value::Null;
    }
    found
}

/// What Postgres holds of it.
fn made(stand_in: &StandIn) -> String {
    stand_in.value(
        "SELECT concat_ws(' ', (SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'), \
         (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'), \
         (SELECT relreplident FROM pg_class WHERE relname = 'playing_with_neon'), \
         has_table_privilege('public', 'pg_catalog.pg_class', 'SELECT'))",
    )
}

/// Plan, refresh, apply and destroy fail, say that, and the state is what it was.
fn all_fail(workspace: &Workspace, said: &str, before: &Value) {
    let insist = |what: &str, outcome: Outcome| {
        outcome.expect_failure().insist_error(said);
        assert_eq!(&resources(workspace), before, "{what} changed the state");
    };
    insist("plan", workspace.try_plan(&[]));
    insist("refresh", workspace.try_apply(&["-refresh-only"]));
    insist("apply", workspace.try_apply(&[]));
    insist("destroy", workspace.try_destroy(&[]));
}

#[test]
fn an_api_that_says_no_or_nonsense_never_empties_the_state() {
    let (stand_in, workspace) = applied(&PLAIN);
    let before = resources(&workspace);
    let there = made(&stand_in);

    // 401: a wrong key.
    workspace.set_env("NEON_API_KEY", "napi_wrong_wrong");
    all_fail(&workspace, "NEON_API_KEY", &before);
    workspace.try_destroy(&["-refresh=false"]).expect_failure().insist_error("NEON_API_KEY");
    assert_eq!(resources(&workspace)[0]["type"], before[0]["type"]);
    workspace.set_env("NEON_API_KEY", stand_in.ready.api_key.clone());
    assert_eq!(made(&stand_in), there);
    workspace.apply();
    let before = resources(&workspace);

    for (action, said) in [
        (json!({"status": 403, "message": "not for this key"}), "not for this key"),
        (json!({"not_found": true}), "-refresh=false"),
        (json!({"status": 200, "html": "<html><body>Sign in to the network</body></html>"}), "NEON_API_URL"),
        (json!({"status": 502, "html": "<html>bad gateway</html>"}), "502"),
        (json!({"status": 503, "message": "try later"}), "503"),
    ] {
        stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": action}));
        all_fail(&workspace, said, &before);
        stand_in.no_faults();
        workspace.insist_on_empty_plan();
        assert_eq!(made(&stand_in), there);
    }
    workspace.destroy();
}

#[test]
fn a_project_that_is_not_there_is_let_go_only_with_a_key_that_works() {
    let (stand_in, workspace) = applied(&PLAIN);
    stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": {"not_found": true}}));
    let error = workspace.try_destroy(&[]).expect_failure();
    error.insist_error("terraform state rm");
    // 404 and a key that may not even say who it is: nothing is known.
    stand_in.fault(&json!({"path": "/auth", "times": null, "action": {"status": 401}}));
    workspace.try_destroy(&["-refresh=false"]).expect_failure();
    let kept: Vec<String> = workspace.addresses();
    assert!(kept.len() >= 5, "{kept:?}"); // The setting of the project is only ever forgotten.
    stand_in.no_faults();
    stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": {"not_found": true}}));
    let outcome = workspace.destroy_with(&["-refresh=false"]);
    for said in ["slot_one", "pub_one", "reader_one", "playing_with_neon"] {
        outcome.insist_warning(said);
    }
    assert!(workspace.addresses().is_empty());
}

#[test]
fn an_unreachable_server_never_empties_the_state() {
    let (stand_in, workspace) = applied(&PLAIN);
    let before = resources(&workspace);
    let there = made(&stand_in);
    stand_in.postgres("stop");
    all_fail(&workspace, "Try again", &before);
    // Without the refresh the deletes are tried, fail, and keep what they could not delete.
    workspace.try_destroy(&["-refresh=false"]).expect_failure();
    assert!(workspace.addresses().contains(&"neonrep_slot.this".to_owned()), "{:?}", workspace.addresses());
    assert!(workspace.addresses().contains(&"neonrep_publication.this".to_owned()), "{:?}", workspace.addresses());
    stand_in.postgres("start");
    assert_eq!(made(&stand_in), there);
    workspace.apply();

    let before = resources(&workspace);
    stand_in.settings(&json!({"endpoint_disabled": true}));
    all_fail(&workspace, "disabled", &before);
    stand_in.settings(&json!({"endpoint_disabled": false}));
    stand_in.settings(
        &json!({"refuse_connections": "This IP address 192.0.2.1 is not allowed to connect to this endpoint."}),
    );
    all_fail(&workspace, "IP Allow", &before);
    stand_in.settings(&json!({"refuse_connections": null}));
    workspace.insist_on_empty_plan();
    assert_eq!(made(&stand_in), there);
    workspace.destroy();
}

#[test]
fn a_branch_that_is_gone_takes_its_objects_with_it() {
    let (stand_in, workspace) = applied(&PLAIN);
    let branch = stand_in.ready.branch_id.clone();
    let gone = || {
        for path in [format!("/projects/*/branches/{branch}"), format!("/projects/*/branches/{branch}/**")] {
            stand_in.fault(&json!({"path": path, "times": null, "action": {"not_found": true}}));
        }
        stand_in.fault(&json!({"path": "/projects/*/connection_uri", "times": null, "action": {"not_found": true}}));
    };
    gone();
    // A destroy with its refresh, and one without.
    workspace.destroy();
    assert!(workspace.addresses().is_empty());
    stand_in.no_faults();
    for address in ADDRESSES {
        workspace.import(address, &PLAIN.id(&stand_in, address)).expect_success();
    }
    workspace.apply();
    gone();
    let outcome = workspace.destroy_with(&["-refresh=false"]);
    outcome.insist_warning("Branch");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn a_database_that_is_gone_takes_its_objects_with_it() {
    for refresh in ["-refresh=true", "-refresh=false"] {
        let (stand_in, workspace) = applied(&OTHER_DATABASE);
        stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
        stand_in.sql_in("postgres", "DROP DATABASE other_db WITH (FORCE)");
        if refresh == "-refresh=true" {
            let plan = workspace.try_plan(&[]);
            assert!(!plan.changes().iter().any(|it| it.contains("replace")), "{}", plan.messages());
        }
        workspace.destroy_with(&[refresh]);
        assert!(workspace.addresses().is_empty());
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'"), "0");
    }
}

/// What somebody may lose behind Terraform's back.
const LOSSES: [(&str, &str); 7] = [
    ("the slot", "SELECT pg_drop_replication_slot('slot_one')"),
    ("the publication", "DROP PUBLICATION pub_one"),
    (
        "the publication, and another has its name",
        "DROP PUBLICATION pub_one; SET ROLE neondb_owner; CREATE PUBLICATION pub_one FOR TABLE playing_with_neon",
    ),
    ("the table", "DROP TABLE playing_with_neon CASCADE"),
    ("the privileges", "DROP OWNED BY reader_one"),
    ("the role", "DROP OWNED BY reader_one; DROP ROLE reader_one"),
    (
        "everything",
        "SELECT pg_drop_replication_slot('slot_one'); DROP PUBLICATION pub_one; DROP TABLE playing_with_neon; \
         DROP OWNED BY reader_one; DROP ROLE reader_one",
    ),
];

#[test]
fn destroy_works_in_spite_of_everything_that_was_lost() {
    let (stand_in, workspace) = applied(&PLAIN);
    for refresh in ["-refresh=true", "-refresh=false"] {
        for (what, statements) in LOSSES {
            PLAIN.prepare(&stand_in);
            workspace.apply_once(&[]);
            stand_in.sql(statements);
            let outcome = workspace.try_destroy(&[refresh]);
            assert_eq!(outcome.status, 0, "without {what}, {refresh}: {}", outcome.messages());
            assert!(workspace.addresses().is_empty(), "without {what}");
            let left = "SELECT concat_ws(' ', (SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'), \
                        (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'), \
                        (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_default_acl WHERE defaclacl::text LIKE '%reader%'))";
            let left = stand_in.value(left);
            assert_eq!(left, "0 0 0 0", "without {what}, {refresh}");
        }
    }
}

#[test]
fn logical_replication_that_was_turned_off_is_turned_on_again_or_let_go() {
    let (stand_in, workspace) = applied(&PLAIN);
    stand_in.settings(&json!({"enable_logical_replication": false}));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_logical_replication.this create"], "{}", plan.messages());
    workspace.destroy();
    assert!(workspace.addresses().is_empty());
    workspace.apply();
    stand_in.settings(&json!({"enable_logical_replication": false}));
    workspace.destroy_with(&["-refresh=false"]);
    assert!(workspace.addresses().is_empty());
}
