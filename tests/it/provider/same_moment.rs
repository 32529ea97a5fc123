//! Another session creates an object of the same name and has not committed when the provider creates its own. The server then
//! waits for the other one and answers with 23505 of a system catalog, not with 42710.

use serde_json::{Value as Json, json};

use super::{started, started_on, until};
use crate::support::core::{Core, Outcome};
use crate::support::stand_in::StandIn;
use crate::support::versions::since;

/// What comes of the creation of this object while a superuser's transaction has run these statements.
fn created_beside(stand_in: &StandIn, database: &str, statements: &str, kind: &str, wanted: &Json) -> Outcome {
    let core = Core::new(stand_in);
    let plan = core.plan(kind, None, wanted).expect("a plan");
    let other = stand_in.session_in(database).expect("a session");
    other.run(&format!("BEGIN; {statements}")).expect("the statements");
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| core.apply(&plan, wanted));
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid' AND backend_type = 'client backend'";
        until(stand_in, waiting, "1");
        other.run("COMMIT").expect("committed");
        applying.join().expect("an outcome")
    })
}

#[test]
fn a_publication_of_that_name_is_found_or_adopted() {
    let stand_in = started();
    let wanted =
        json!({"project_id": stand_in.ready.project_id, "database": "neondb", "name": "p", "tables": [{"name": "a"}]});
    let made = created_beside(&stand_in, "neondb", "CREATE PUBLICATION p", "neonrep_publication", &wanted);
    made.messages.insist_error("name", "Publication `p` already exists");
    assert!(made.object.is_none());
    stand_in.sql("DROP PUBLICATION p");
    let mut adopts = wanted.clone();
    adopts["adopt"] = json!(true);
    let beside = "CREATE PUBLICATION p FOR TABLE a; ALTER PUBLICATION p OWNER TO neondb_owner";
    let made = created_beside(&stand_in, "neondb", beside, "neonrep_publication", &adopts).done();
    assert_eq!(made.get("adopted"), json!(true));
}

#[test]
fn a_role_of_that_name_is_found() {
    let stand_in = started_on(since(16));
    let wanted = json!({"project_id": stand_in.ready.project_id, "name": "r", "neon_superuser": false});
    let made = created_beside(&stand_in, "neondb", "CREATE ROLE r", "neonrep_role", &wanted);
    made.messages.insist_error("name", "Role `r` already exists");
    assert!(made.object.is_none());
}

#[test]
fn a_subscription_of_that_name_is_found() {
    let stand_in = started();
    let options = "WITH (connect = false, slot_name = NONE)";
    let beside = format!("CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1' PUBLICATION p {options}");
    let wanted = json!({
        "project_id": stand_in.ready.project_id, "database": "neondb", "name": "sub", "publications": ["p"],
        "connection_wo": "host=192.0.2.1 password=none connect_timeout=2", "connection_wo_version": 1, "create_slot": false, "slot_name": "s",
        "enabled": false,
    });
    let made = created_beside(&stand_in, "neondb", &beside, "neonrep_subscription", &wanted);
    made.messages.insist_error("name", "Subscription `sub` already exists");
    assert!(made.object.is_none());
}

#[test]
fn a_signal_table_of_that_name_is_used_and_not_ours() {
    let stand_in = started();
    let beside = "CREATE TABLE flow_watermarks(slot text PRIMARY KEY, watermark text); ALTER TABLE flow_watermarks OWNER TO neondb_owner";
    let wanted = json!({
        "project_id": stand_in.ready.project_id, "database": "neondb", "name": "flow_watermarks", "shape": "estuary_watermarks",
    });
    let made = created_beside(&stand_in, "neondb", beside, "neonrep_signal_table", &wanted);
    made.messages.insist_warning("existed before");
    let core = Core::new(&stand_in);
    let made = core.settled(&made.done(), &wanted);
    core.destroyed(&made).insist_warning("was kept");
}
