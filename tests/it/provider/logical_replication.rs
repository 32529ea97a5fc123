//! `neonrep_logical_replication`

use serde_json::{Value as Json, json};

use crate::support::core::{Action, Core, unknown};
use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

const TYPE: &str = "neonrep_logical_replication";

#[test]
fn its_life() {
    let stand_in = StandIn::start(suite());
    let core = Core::new(&stand_in);
    let project = stand_in.ready.project_id.clone();
    let config = json!({ "project_id": project });
    let said = {
        let walk = core.walk();
        let stub = walk.import(TYPE, &project).expect("a stub");
        walk.read(&stub).1
    };
    said.insist_error("", "disabled");
    let plan = core.plan(TYPE, None, &config).expect("a plan");
    plan.messages.insist_warning("restart");
    assert_eq!((plan.get("id"), plan.unknown()), (json!(project), vec![]));
    let made = core.settled(&core.apply(&plan, &config).done(), &config);
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");

    // What concerns the creation only, in place, and unknown where it is.
    let verify = json!({ "project_id": project, "verify": { "database": "neondb" }, "timeouts": { "create": "1m" } });
    let at_plan =
        json!({ "project_id": project, "verify": { "database": unknown() } , "timeouts": { "create": "1m" } });
    let changed = core.made_from(TYPE, Some(&made), &at_plan, &verify);
    let back = core.made(TYPE, Some(&changed), &config);
    // The project is known later, and turns out to be the same.
    let plan = core.plan(TYPE, Some(&back), &json!({ "project_id": unknown() })).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Replace, vec!["id", "project_id"]));
    core.settled(&core.apply(&plan, &config).done(), &config);

    core.imported(TYPE, &project, &config);
    core.imported(TYPE, &project, &verify);
    core.destroyed(&back).insist_warning("stays enabled");
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
    // Enabled already: adopted, nothing is sent.
    stand_in.forget_requests();
    core.made(TYPE, None, &config);
    assert_eq!(stand_in.count_requests("PATCH", "/"), 0);
}

#[test]
fn a_failed_operation_leaves_a_state_that_the_next_apply_cures() {
    let stand_in = StandIn::start(suite());
    let core = Core::new(&stand_in);
    let config = json!({ "project_id": stand_in.ready.project_id });
    stand_in.fault(&json!({"method": "PATCH", "path": "/projects/*", "action": {"operation": "failed"}}));
    let plan = core.plan(TYPE, None, &config).expect("a plan");
    let outcome = core.apply(&plan, &config);
    let left = outcome.object;
    if outcome.messages.have_errors() {
        assert!(left.as_ref().is_none_or(|it| it.tainted));
    }
    core.made(TYPE, left.as_ref(), &config);
    assert_eq!(stand_in.value("SHOW wal_level"), "logical");
}

#[test]
fn a_project_that_is_not_there_never_empties_the_state() {
    let stand_in = StandIn::start_logical(suite());
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &json!({ "project_id": stand_in.ready.project_id }));
    stand_in.fault(&json!({"path": "/projects/*", "times": Json::Null, "action": {"not_found": true}}));
    let (kept, said) = core.refreshed(&made);
    assert_eq!(kept, Some(made));
    said.insist_error("project_id", "-refresh=false");
}

#[test]
fn a_branch_to_verify_on_is_looked_for_before_it_is_enabled() {
    let stand_in = StandIn::start(suite());
    let core = Core::new(&stand_in);
    let on = |branch: &str| json!({ "project_id": stand_in.ready.project_id, "verify": { "branch_id": branch } });
    core.plan(TYPE, None, &on("main")).expect_err("a name").insist_error("verify.branch_id", "`main`");
    core.plan(TYPE, None, &on("br-nowhere-1")).expect("a plan").messages.insist_warning("br-nowhere-1");
    core.plan(TYPE, None, &on(&stand_in.ready.branch_id)).expect("a plan").messages.insist_no_error();
}
