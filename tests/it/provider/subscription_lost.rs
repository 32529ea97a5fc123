//! `neonrep_subscription`: connections that are lost around its statements, with a publisher in another project.

use serde_json::{Value as Json, json};

use crate::support::core::{Core, Object, Plan};
use crate::support::second_project::SecondProject;
use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

const TYPE: &str = "neonrep_subscription";
const SUBSCRIPTIONS: &str = "SELECT count(*) FROM pg_subscription";
const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'";

/// The provider's session that creates the subscription: how many there are, and their end.
const COUNT_AT_WORK: &str = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE SUBSCRIPTION%' AND state = 'active' \
                             AND pid <> pg_backend_pid()";
const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE SUBSCRIPTION%' \
                   AND state = 'active' AND pid <> pg_backend_pid()";

fn publisher() -> StandIn {
    let stand_in = StandIn::start_logical(suite());
    stand_in
        .sql_as_owner("CREATE TABLE t(id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t")
        .expect("a publication");
    stand_in
}

fn subscriber(stand_in: &StandIn) -> SecondProject<'_> {
    let target = SecondProject::create(stand_in);
    target.sql("CREATE TABLE t(id int PRIMARY KEY)");
    target
}

fn config(stand_in: &StandIn, target: &SecondProject<'_>) -> Json {
    json!({
        "project_id": target.id, "database": "neondb", "name": "sub", "publications": ["p"], "copy_data": false,
        "connection_wo": stand_in.conninfo("neondb_owner", &stand_in.password_of("neondb_owner")),
        "connection_wo_version": 1,
    })
}

/// The number of the round with that text, and of those that came before it in the same change.
fn number(stand_in: &StandIn, text: &str) -> usize {
    let seen = stand_in.admin("GET", "/rounds", None);
    let rounds = seen["rounds"].as_array().expect("rounds");
    1 + rounds.iter().position(|it| it.as_str().is_some_and(|it| it.contains(text))).expect(text)
}

fn plan(core: &Core, config: &Json) -> Plan {
    core.plan(TYPE, None, config).expect("a plan")
}

fn plan_to_destroy(core: &Core, object: &Object) -> Plan {
    core.plan_destroy(object).expect("a plan").expect("an object")
}

#[test]
fn a_lost_connection_leaves_one_subscription_with_one_slot_and_then_none() {
    let stand_in = publisher();
    let target = subscriber(&stand_in);
    let core = Core::new(&stand_in);
    let config = config(&stand_in, &target);
    let there = || (target.value(SUBSCRIPTIONS), stand_in.value(SLOTS));

    // Without a fault: where the statements are.
    let planned = plan(&core, &config);
    stand_in.admin("DELETE", "/rounds", None);
    let created = core.apply(&planned, &config).done();
    let create = number(&stand_in, "CREATE SUBSCRIPTION");
    let planned = plan_to_destroy(&core, &created);
    stand_in.admin("DELETE", "/rounds", None);
    core.apply(&planned, &json!({})).messages.insist_no_error();
    let drop = number(&stand_in, "DROP SUBSCRIPTION");
    assert_eq!(there(), ("0".to_owned(), "0".to_owned()));

    for (when, action) in [("before", "cut"), ("after", "cut"), ("after", "kill"), ("before", "restart")] {
        let arm =
            |at: usize| stand_in.admin("POST", "/rounds", Some(&json!({"at": at, "when": when, "action": action})));
        let met = || assert_eq!(stand_in.admin("GET", "/rounds", None)["stage"], "done", "{action} {when}");
        let planned = plan(&core, &config);
        arm(create);
        let created = core.apply(&planned, &config).done();
        met();
        assert_eq!(there(), ("1".to_owned(), "1".to_owned()), "{action} {when}");
        let planned = plan_to_destroy(&core, &created);
        arm(drop);
        core.apply(&planned, &json!({})).messages.insist_no_error();
        met();
        assert_eq!(there(), ("0".to_owned(), "0".to_owned()), "{action} {when}");
    }
}

#[test]
fn a_slot_that_a_lost_attempt_created_is_named_and_can_be_dropped() {
    let stand_in = publisher();
    let target = subscriber(&stand_in);
    let core = Core::new(&stand_in);
    let config = config(&stand_in, &target);
    let planned = plan(&core, &config);
    stand_in.admin("DELETE", "/rounds", None);
    let created = core.apply(&planned, &config).done();
    let at = number(&stand_in, "CREATE_REPLICATION_SLOT");
    core.destroyed(&created);
    // The publisher creates the slot, and the server of the subscription does not hear of it.
    for lost in [false, true] {
        let planned = plan(&core, &config);
        let action = if lost { "hold" } else { "cut" };
        stand_in.admin("POST", "/rounds", Some(&json!({"at": at, "when": "after", "action": action})));
        let failed = std::thread::scope(|scope| {
            let applying = scope.spawn(|| core.apply(&planned, &config));
            if lost {
                while stand_in.admin("GET", "/rounds", None)["stage"] != "held" {
                    assert!(!applying.is_finished(), "the round was not met");
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                target.sql(END);
                target.wait_for(COUNT_AT_WORK, "0");
                stand_in.admin("DELETE", "/rounds", None);
            }
            applying.join().expect("an answer")
        });
        assert_eq!((target.value(SUBSCRIPTIONS), stand_in.value(SLOTS)), ("0".to_owned(), "1".to_owned()));
        assert_eq!(failed.object, None);
        failed.messages.insist_error("slot_name", "`SELECT pg_drop_replication_slot('sub')`, then apply again");
        let told = failed.messages.to_string().contains("The connection was lost during an earlier attempt");
        assert_eq!(told, lost, "{}", failed.messages);
        // It is named as long as it is there.
        core.apply(&plan(&core, &config), &config)
            .messages
            .insist_error("slot_name", "pg_drop_replication_slot('sub')");
        stand_in.sql("SELECT pg_drop_replication_slot('sub')");
        let created = core.made(TYPE, None, &config);
        core.destroyed(&created);
        assert_eq!((target.value(SUBSCRIPTIONS), stand_in.value(SLOTS)), ("0".to_owned(), "0".to_owned()));
    }
}
