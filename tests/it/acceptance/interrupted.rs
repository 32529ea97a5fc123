//! What was interrupted half-way: the state says what exists, and the next apply goes on from there.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;

use super::whole::PLAIN;
use crate::support::sql::Session;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const APPLY: [&str; 3] = ["apply", "-json", "-auto-approve"];

fn started(body: &str) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.write(body);
    (stand_in, workspace)
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a terminal does at Ctrl-C: the whole group hears it, the provider too.
fn ctrl_c(child: &Child) {
    let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGINT).expect("a signal");
}

fn slots(stand_in: &StandIn) -> String {
    stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'")
}

/// Waits until only the slot is still being made. An operation on a role would start a server that is stopped.
fn slot_begun_and_all_else_done(stand_in: &StandIn) {
    until("the slot to be begun and the role to be done", || {
        let given = "SELECT count(*) FROM pg_default_acl WHERE defaclacl::text LIKE '%reader_one%'";
        slots(stand_in) == "1" && stand_in.value(given) == "1"
    });
}

/// A transaction that has written and stays open: a new slot waits for it, a lock on the table too.
fn open_transaction(stand_in: &StandIn, statement: &str) -> Session {
    let session = stand_in.session();
    session.run(&format!("BEGIN; {statement}")).expect("a transaction");
    session
}

const WRITE: &str = "INSERT INTO playing_with_neon VALUES (1)";

#[test]
fn the_guide_interrupted_at_its_slot_keeps_all_that_was_made() {
    for times in [1, 2] {
        let (stand_in, workspace) = started(&PLAIN.configuration());
        workspace.apply_once(&["-target=neonrep_publication.this"]);
        let other = open_transaction(&stand_in, WRITE);
        let child = workspace.start(&APPLY);
        slot_begun_and_all_else_done(&stand_in);
        for _ in 0..times {
            ctrl_c(&child);
            std::thread::sleep(Duration::from_millis(400));
        }
        let outcome = workspace.finish_child(child);
        assert_ne!(outcome.status, 0);
        if times == 1 {
            outcome.insist_error("interrupted");
        }
        // The blocker ends: whoever was still waiting at the server would make the slot now.
        other.run("COMMIT").expect("a commit");
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(slots(&stand_in), "0", "a slot appeared later, after {times} times Ctrl-C");
        let known = workspace.addresses();
        assert!(!known.contains(&"neonrep_slot.this".to_owned()), "{known:?}");
        assert!(known.contains(&"neonrep_publication.this".to_owned()), "{known:?}");
        if times == 1 {
            assert!(known.contains(&"neonrep_role.this".to_owned()), "{known:?}");
            workspace.apply();
        } else {
            // The second Ctrl-C may cost the state what was being made; nothing is made twice in silence.
            let _ = workspace.try_apply(&[]);
        }
        workspace.destroy();
        assert_eq!(slots(&stand_in), "0");
    }
}

#[test]
fn ctrl_c_while_a_role_is_made_keeps_the_role() {
    let (stand_in, workspace) = started(&PLAIN.configuration());
    workspace.apply_once(&["-target=neonrep_logical_replication.this"]);
    stand_in.settings(&json!({"operation_polls": 100_000}));
    let child = workspace.start(&["apply", "-json", "-auto-approve", "-target=neonrep_role.this"]);
    until("the role to be asked for", || stand_in.count_requests("POST", "/roles") == 1);
    until("its operation to be waited for", || stand_in.count_requests("GET", "/operations") > 1);
    ctrl_c(&child);
    let outcome = workspace.finish_child(child).expect_failure();
    outcome.insist_error("interrupted");
    assert!(workspace.addresses().contains(&"neonrep_role.this".to_owned()), "{}", outcome.messages());
    assert!(workspace.is_tainted("neonrep_role.this"));
    // Neon finishes what it has begun; the next apply recreates the role, and there is one.
    stand_in.settings(&json!({"operation_polls": null}));
    workspace.apply();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'"), "1");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'"), "0");
}

#[test]
fn ctrl_c_while_a_lock_is_waited_for_changes_nothing() {
    let (stand_in, workspace) = started(&PLAIN.configuration());
    workspace.apply_once(&["-target=neonrep_logical_replication.this"]);
    // A reader that keeps its transaction open: ALTER TABLE waits for it in short tries.
    let other = open_transaction(&stand_in, "LOCK TABLE playing_with_neon IN ACCESS SHARE MODE");
    let child = workspace.start(&["apply", "-json", "-auto-approve", "-target=neonrep_replica_identity.this"]);
    until("the lock to be waited for", || stand_in.value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0");
    // It is a short wait, which lets others through.
    stand_in.value("SELECT count(*) FROM playing_with_neon");
    ctrl_c(&child);
    let outcome = workspace.finish_child(child).expect_failure();
    assert_eq!(workspace.addresses(), ["neonrep_logical_replication.this"], "{}", outcome.messages());
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'playing_with_neon'"), "d");
    // With little time, the error says who is in the way or that a lock is.
    let hurried = PLAIN.configuration().replace(
        r#"mode       = "full""#,
        r#"mode = "full"
  timeouts = { create = "5s" }"#,
    );
    workspace.write(&hurried);
    let error = workspace.apply_fails_with(&["-target=neonrep_replica_identity.this"]).error();
    assert!(error.text().contains("lock"), "{error:?}");
    other.run("COMMIT").expect("a commit");
    workspace.apply();
    workspace.destroy();
}

#[test]
fn time_that_is_over_names_the_process_in_the_way() {
    let (stand_in, workspace) = started(&PLAIN.configuration().replace(
        r#"name           = "slot_one""#,
        r#"name = "slot_one"
  timeouts = { create = "8s" }"#,
    ));
    workspace.apply_once(&["-target=neonrep_publication.this"]);
    let other = open_transaction(&stand_in, WRITE);
    let error = workspace.apply_fails().error();
    assert!(error.text().contains(&other.pid()), "{error:?}");
    other.run("COMMIT").expect("a commit");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(slots(&stand_in), "0");
    workspace.apply();
    workspace.destroy();
}

#[test]
fn a_server_that_dies_in_the_middle_of_an_apply() {
    let (stand_in, workspace) = started(&PLAIN.configuration());
    workspace.apply_once(&["-target=neonrep_publication.this"]);
    let other = open_transaction(&stand_in, WRITE);
    let child = workspace.start(&APPLY);
    until("the slot to be begun", || slots(&stand_in) == "1");
    let pid = stand_in.admin("GET", "/postgres", None)["pid"].as_i64().expect("a pid");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
    // An immediate shutdown: no word to anybody, recovery at the next start.
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGQUIT).expect("the server");
    drop(other);
    // The server comes back with the next connection, and the apply goes on or says what happened.
    let outcome = workspace.finish_child(child);
    let known = workspace.addresses();
    if outcome.status == 0 {
        assert!(known.contains(&"neonrep_slot.this".to_owned()));
        workspace.insist_on_empty_plan();
    }
    assert_eq!(known.contains(&"neonrep_slot.this".to_owned()), slots(&stand_in) == "1", "{}", outcome.messages());
    workspace.apply();
    assert_eq!(slots(&stand_in), "1");
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_server_that_stays_away_leaves_a_state_that_is_right() {
    let (stand_in, workspace) = started(&PLAIN.configuration());
    let hurried = PLAIN.configuration().replace(
        r#"" "this" {
"#,
        r#"" "this" {
  timeouts = { create = "25s" }
"#,
    );
    workspace.write_with_provider(&format!(
        r#"
provider "neonrep" {{
  connect_timeout = "3s"
}}

variable "project_id" {{ type = string }}
{hurried}
"#
    ));
    workspace.apply_once(&["-target=neonrep_publication.this"]);
    let other = open_transaction(&stand_in, WRITE);
    let child = workspace.start(&APPLY);
    slot_begun_and_all_else_done(&stand_in);
    // No orderly shutdown: that would end the open transaction, and the slot might get made in its last moments.
    stand_in.postgres("crash");
    drop(other);
    let outcome = workspace.finish_child(child).expect_failure();
    stand_in.postgres("start");
    let known = workspace.addresses();
    assert_eq!(known.contains(&"neonrep_slot.this".to_owned()), slots(&stand_in) == "1", "{}", outcome.messages());
    assert!(known.contains(&"neonrep_publication.this".to_owned()));
    workspace.apply();
    workspace.destroy();
}

/// Many publications and grants in one database.
fn many(n: usize) -> String {
    format!(
        r#"
resource "neonrep_publication" "many" {{
  count      = {n}
  project_id = var.project_id
  database   = "neondb"
  name       = "many_${{count.index}}"
  tables     = [{{ name = "playing_with_neon" }}]
}}
resource "neonrep_role" "many" {{
  count      = 3
  project_id = var.project_id
  name       = "many_${{count.index}}"
}}
resource "neonrep_grant" "many" {{
  count      = 3
  project_id = var.project_id
  database   = "neondb"
  role       = neonrep_role.many[count.index].name
  schemas    = ["public"]
}}
"#
    )
}

#[test]
fn sessions_that_are_dropped_while_thirty_resources_work() {
    let (stand_in, workspace) = started(&many(30));
    workspace.set_parallelism(50);
    let child = workspace.start(&["apply", "-json", "-auto-approve", "-parallelism=50"]);
    // Beside the drops that each role brings: every 200 ms all sessions go, until it is done.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let outcome = std::thread::scope(|scope| {
        let watching = scope.spawn(|| workspace_end(&stand_in, pid));
        let outcome = child.wait_with_output().expect("the CLI ends");
        watching.join().expect("dropping sessions");
        crate::support::outcome::Outcome::new(&["apply"], &outcome)
    });
    assert_eq!(outcome.status, 0, "{}", outcome.messages());
    workspace.insist_on_empty_plan();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "30");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

/// Drops sessions while that process lives, twenty times at most.
fn workspace_end(stand_in: &StandIn, pid: nix::unistd::Pid) {
    for at in 0..20 {
        if nix::sys::signal::kill(pid, None).is_err() {
            return;
        }
        let route = if at % 5 == 4 { "/connections/cut" } else { "/terminate_backends" };
        stand_in.admin("POST", route, Some(&json!({})));
        std::thread::sleep(Duration::from_millis(200));
    }
}
