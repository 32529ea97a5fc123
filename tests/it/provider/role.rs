//! `neonrep_role`

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::until;
use crate::support::core::{Action, Change, Core, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_role";
const COUNT: &str = "SELECT count(*) FROM pg_roles WHERE rolname = 'r'";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({ "project_id": stand_in.ready.project_id, "name": "r" });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

fn id(stand_in: &StandIn) -> String {
    format!("{}/{}/r", stand_in.ready.project_id, stand_in.ready.branch_id)
}

#[test]
fn its_life() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let at_plan = config(&stand_in, json!({"project_id": unknown(), "name": unknown(), "store_password": unknown()}));
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    let made = core.settled(&core.apply(&plan, &config(&stand_in, json!({"store_password": false}))).done(), &plain);
    assert_eq!((made.text("id"), made.get("password"), made.get("adopted")), (id(&stand_in), Json::Null, json!(false)));

    // The password comes into the state, is rotated there, and leaves it.
    let stored = config(&stand_in, json!({"store_password": true}));
    let plan = core.plan(TYPE, Some(&made), &stored).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Update, vec!["password"]));
    let with = core.settled(&core.apply(&plan, &stored).done(), &stored);
    assert_eq!(with.text("password"), stand_in.password_of("r"));
    let rotating = |day: &str| config(&stand_in, json!({"store_password": true, "rotate_when_changed": {"day": day}}));
    let first = core.made(TYPE, Some(&with), &rotating("one"));
    assert_eq!(first.get("password"), with.get("password"), "from null to a value rotates nothing");
    let second = core.made(TYPE, Some(&first), &rotating("two"));
    assert_ne!(second.get("password"), first.get("password"));
    assert_eq!(second.text("password"), stand_in.password_of("r"));
    // A map whose value is known later.
    let later = config(&stand_in, json!({"store_password": true, "rotate_when_changed": {"day": unknown()}}));
    let third = core.made_from(TYPE, Some(&second), &later, &rotating("three"));
    assert_ne!(third.get("password"), second.get("password"));
    // And when it turns out to be what it was.
    core.made_from(TYPE, Some(&third), &later, &rotating("three"));
    let without = core.made(TYPE, Some(&third), &plain);
    assert_eq!(without.get("password"), Json::Null);

    core.imported(TYPE, &id(&stand_in), &plain);
    core.imported(TYPE, &id(&stand_in), &stored);
    core.destroyed(&without);
    assert_eq!(stand_in.value(COUNT), "0");
    assert!(core.refreshed(&without).0.is_none());
    core.destroyed(&core.made(TYPE, None, &stored));
}

#[test]
fn a_lost_answer_is_settled() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    for reset in ["before", "after"] {
        stand_in.fault(&json!({"method": "POST", "path": "/projects/*/branches/*/roles", "action": {"reset": reset}}));
        let made = core.made(TYPE, None, &plain);
        assert_eq!((made.get("adopted"), stand_in.value(COUNT)), (json!(false), "1".to_owned()));
        stand_in
            .fault(&json!({"method": "DELETE", "path": "/projects/*/branches/*/roles/*", "action": {"reset": reset}}));
        core.destroyed(&made);
        assert_eq!(stand_in.value(COUNT), "0");
    }
}

#[test]
fn a_failed_operation_leaves_what_was_made_tainted() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    for (more, fate) in [(json!({}), "error"), (json!({"store_password": true}), "cancelled")] {
        let plain = config(&stand_in, more);
        stand_in
            .fault(&json!({"method": "POST", "path": "/projects/*/branches/*/roles", "action": {"operation": fate}}));
        let plan = core.plan(TYPE, None, &plain).expect("a plan");
        let outcome = core.apply(&plan, &plain);
        assert!(outcome.messages.have_errors());
        let left = outcome.object.expect("what was begun is in the state");
        assert_eq!((left.tainted, left.text("id")), (true, id(&stand_in)));
        // The next plan: gone, so a creation, or there, so a replacement. Both end well.
        let made = core.made(TYPE, Some(&left), &plain);
        core.destroyed(&made);
    }
}

#[test]
fn two_creates_of_one_name_at_once() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let walk = core.walk();
    let plan = Core::plan_in(&walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan");
    let outcomes = std::thread::scope(|scope| {
        [0, 1].map(|_| scope.spawn(|| core.apply_in(&walk, &plan, &config))).map(|it| it.join().expect("an outcome"))
    });
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|it| !it.messages.have_errors());
    assert_eq!((made.len(), refused.len()), (1, 1), "{refused:?}");
    refused[0].messages.insist_error("name", "already exists");
    assert_eq!(refused[0].object, None);
    core.settled(made[0].object.as_ref().expect("an object"), &config);
}

#[test]
fn an_interrupted_creation_is_recorded() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    stand_in.settings(&json!({"operation_ms": 3000}));
    let walk = core.walk();
    let wanted = core.config(TYPE, &plain);
    let planned = walk.plan(TYPE, &Value::Null, &wanted, &[]).expect("a plan").value;
    let change = Change { type_name: TYPE, prior: &Value::Null, planned: &planned, config: &wanted, private: &[] };
    let begun = walk.begin_apply(&change);
    let posted = || stand_in.count_requests("GET", "/operations/") > 0;
    while !posted() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    walk.stop();
    let outcome = Core::outcome(TYPE, None, walk.finish_apply(&change, begun));
    assert!(outcome.messages.have_errors());
    let left = outcome.object.expect("what was begun is in the state");
    assert_eq!((left.tainted, left.text("id")), (true, id(&stand_in)));
    until(&stand_in, COUNT, "1");
    stand_in.settings(&json!({"operation_ms": 50}));
    core.made(TYPE, Some(&left), &plain);
}

#[test]
fn what_cannot_be_read_is_kept() {
    let stand_in = StandIn::start_logical(17);
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({"store_password": true, "timeouts": {"read": "5s"}})));
    for action in [
        json!({"status": 403}),
        json!({"status": 404, "html": "<html>not here</html>"}),
        json!({"status": 500}),
        json!({"not_found": true}),
    ] {
        stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": action}));
        stand_in.fault(&json!({"path": "/projects/*", "times": null, "action": action}));
        let (kept, said) = core.refreshed(&made);
        assert!(said.have_errors(), "{action}");
        assert_eq!(kept.as_ref(), Some(&made), "{action}");
        stand_in.no_faults();
    }
}
