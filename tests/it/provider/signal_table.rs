//! `neonrep_signal_table`

use serde_json::{Value as Json, json};

use super::{hold_commits, lose_commit, started};
use crate::support::core::{Action, Core, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_signal_table";
const THERE: &str = "SELECT to_regclass('public.flow_watermarks')";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({
        "project_id": stand_in.ready.project_id, "database": "neondb", "name": "flow_watermarks", "shape": "estuary_watermarks",
    });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

#[test]
fn the_reference_is_unknown_until_the_table_exists_and_known_from_then_on() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let wanted = config(&stand_in, json!({}));
    for project in [unknown(), json!(stand_in.ready.project_id)] {
        let plan = core.plan(TYPE, None, &config(&stand_in, json!({"project_id": project}))).expect("a plan");
        assert!(["id", "table"].iter().all(|it| plan.unknown().contains(it)), "{:?}", plan.unknown());
    }
    let made = core.made(TYPE, None, &wanted);
    assert_eq!(made.get("table"), json!({"schema": "public", "name": "flow_watermarks"}));
    assert_eq!(made.text("id"), stand_in.id_of("public/flow_watermarks"));
    // What changes in place keeps both known.
    let other = config(&stand_in, json!({"timeouts": {"create": "3m"}}));
    let plan = core.plan(TYPE, Some(&made), &other).expect("a plan");
    assert_eq!((plan.action, plan.unknown().len()), (Action::Update, 0));
    // Another name or shape is another table.
    for more in [json!({"name": "marks"}), json!({"shape": "heartbeat"})] {
        let plan = core.plan(TYPE, Some(&made), &config(&stand_in, more)).expect("a plan");
        assert_eq!(plan.action, Action::Replace);
    }
    let imported = core.imported(TYPE, &made.text("id"), &wanted);
    assert_eq!(imported.get("table"), made.get("table"));
    core.destroyed(&imported);
    assert_eq!(stand_in.value(THERE), "");
}

#[test]
fn a_table_whose_commit_was_not_answered_is_dropped_by_its_destroy() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let wanted = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &wanted).expect("a plan");
    hold_commits(&stand_in);
    let outcome = std::thread::scope(|scope| {
        let applying = scope.spawn(|| core.apply(&plan, &wanted));
        lose_commit(&stand_in);
        applying.join().expect("an outcome")
    });
    assert!(!outcome.messages.to_string().contains("existed before"), "{}", outcome.messages);
    let made = core.settled(&outcome.done(), &wanted);
    core.destroyed(&made);
    assert_eq!(stand_in.value(THERE), "");
}

#[test]
fn a_table_that_comes_between_plan_and_apply_is_not_ours() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let wanted = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &wanted).expect("a plan");
    stand_in.sql_as_owner("CREATE TABLE flow_watermarks(slot text PRIMARY KEY, watermark text)").expect("a table");
    let outcome = core.apply(&plan, &wanted);
    outcome.messages.insist_warning("existed before");
    let made = core.settled(&outcome.done(), &wanted);
    core.destroyed(&made).insist_warning("was kept");
    assert_eq!(stand_in.value(THERE), "flow_watermarks");
}
