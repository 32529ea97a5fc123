//! Each resource over gRPC with the calls that Terraform makes, and those that it makes rarely; core's rules are held at
//! every answer. Behind it the stand-in with a real Postgres.

mod bad_input;
mod catalog;
mod connection;
mod grant;
mod logical_replication;
mod many;
mod names;
mod process;
mod publication;
mod readiness;
mod readiness_errors;
mod replica_identity;
mod role;
mod role_settings;
mod round_trips;
mod same_moment;
mod signal_table;
mod slot;
mod stored_states;
mod subscription;
mod subscription_lost;
mod unknown_in_updates;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

/// Postgres with logical replication on, and a table with a key.
fn started() -> StandIn {
    started_on(suite())
}

/// The same on this version of Postgres.
fn started_on(major: u16) -> StandIn {
    let stand_in = StandIn::start_logical(major);
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)").expect("tables");
    stand_in
}

/// Waits until this query's one value is as it should be: for what another process brings about.
pub(crate) fn until(stand_in: &StandIn, query: &str, value: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while stand_in.value(query) != value {
        assert!(Instant::now() < end, "{query} is {:?}, not {value:?}", stand_in.value(query));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// From here on a COMMIT takes effect and is not answered, until [`answer_commits`].
fn hold_commits(stand_in: &StandIn) {
    stand_in.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    stand_in.sql("SELECT pg_reload_conf()");
    until(stand_in, "SHOW synchronous_standby_names", "nobody");
}

/// Ends the session whose COMMIT is held: its answer is lost, its effect is there.
fn lose_commit(stand_in: &StandIn) {
    let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE '%neonrep%'";
    until(stand_in, &format!("SELECT count(*) {waiting}"), "1");
    // Only when it is read again are others released: first the one session ends.
    stand_in.sql("ALTER SYSTEM RESET synchronous_standby_names");
    stand_in.sql(&format!("SELECT pg_terminate_backend(pid) {waiting}"));
    stand_in.sql("SELECT pg_reload_conf()");
}

/// A new branch with a compute, which becomes the default branch of the project.
pub(crate) fn change_default_branch(stand_in: &StandIn) -> String {
    let path = format!("/projects/{}/branches", stand_in.ready.project_id);
    let body = json!({"branch": {"name": "next"}, "endpoints": [{"type": "read_write"}]});
    let (status, answer) = stand_in.api("POST", &path, Some(&body));
    assert_eq!(status, 201, "{answer}");
    let id = answer["branch"]["id"].as_str().expect("an id").to_owned();
    let ready = || stand_in.api("GET", &format!("{path}/{id}"), None).1["branch"]["current_state"] == "ready";
    while !ready() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The branch is ready before its operations are over.
    let set = || stand_in.api("POST", &format!("{path}/{id}/set_as_default"), None);
    let mut answer = set();
    while answer.0 == 423 {
        std::thread::sleep(Duration::from_millis(50));
        answer = set();
    }
    assert_eq!(answer.0, 200, "{}", answer.1);
    id
}
