//! `neonrep_grant`

use std::time::Duration;

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::{hold_commits, lose_commit, started};
use crate::support::core::{Action, Change, Core, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_grant";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config =
        json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "role": "r", "schemas": ["public"] });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

fn with_roles() -> StandIn {
    let stand_in = started();
    stand_in.sql("CREATE ROLE r LOGIN; CREATE ROLE s LOGIN");
    stand_in
}

fn may_read(stand_in: &StandIn, role: &str, table: &str) -> bool {
    let direct = format!(
        "SELECT count(*) FROM pg_class, aclexplode(relacl) it WHERE relname = '{table}' AND it.grantee = '{role}'::regrole \
         AND it.privilege_type = 'SELECT'"
    );
    stand_in.value(&direct) == "1"
}

#[test]
fn its_life() {
    let stand_in = with_roles();
    let core = Core::new(&stand_in);
    let known = config(&stand_in, json!({}));
    let at_plan = config(&stand_in, json!({"role": unknown(), "schemas": unknown()}));
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    assert_eq!(plan.unknown(), ["branch_id", "future_tables", "id", "role", "schemas"]);
    let made = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!((made.text("id"), made.get("missing")), (stand_in.id_of("r"), json!([])));
    assert!(may_read(&stand_in, "r", "a"));

    // Drift, as one readable difference.
    stand_in.sql("REVOKE SELECT ON a FROM r");
    let plan = core.plan(TYPE, Some(&made), &known).expect("a plan");
    assert_eq!(plan.prior.as_ref().expect("an object").get("missing"), json!(["SELECT ON TABLE public.a"]));
    assert_eq!((plan.action, plan.get("missing")), (Action::Update, json!([])));
    let made = core.settled(&core.apply(&plan, &known).done(), &known);

    // In place, from schemas to single tables, one of them listed with its default and one without.
    let tables = config(
        &stand_in,
        json!({"schemas": null, "tables": [{"name": "a"}, {"schema": "public", "name": "b"}], "privileges": ["SELECT", "INSERT"]}),
    );
    let changed = core.made(TYPE, Some(&made), &tables);
    let changed = core.made(TYPE, Some(&changed), &known);
    core.imported(TYPE, &stand_in.id_of("r/public"), &known);

    // A role under the same name is another role.
    core.destroyed(&changed);
    assert!(!may_read(&stand_in, "r", "a"));
    stand_in.sql("DROP ROLE r");
    let plan = core.plan(TYPE, Some(&changed), &known).expect("a plan");
    assert_eq!((plan.action, plan.prior.is_none()), (Action::Create, true));
    let outcome = core.apply(&plan, &known);
    assert!(outcome.messages.have_errors());
    assert_eq!(outcome.object, None);
}

#[test]
fn what_was_there_before_survives_a_replacement() {
    let stand_in = with_roles();
    let core = Core::new(&stand_in);
    stand_in.sql_as_owner("GRANT SELECT ON a TO r").expect("granted");
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    let other = config(&stand_in, json!({"role": "s"}));
    let plan = core.plan(TYPE, Some(&made), &other).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    core.settled(&core.apply(&plan, &other).done(), &other);
    assert!(!may_read(&stand_in, "r", "b"), "what this grant gave is taken back");
    assert!(may_read(&stand_in, "r", "a"), "what was there before is not");
    assert!(may_read(&stand_in, "s", "a"));
}

#[test]
fn what_was_there_before_survives_an_update_and_a_destroy() {
    let stand_in = with_roles();
    let core = Core::new(&stand_in);
    stand_in.sql_as_owner("GRANT SELECT ON a TO r").expect("granted");
    let made = core.made(TYPE, None, &config(&stand_in, json!({"schemas": null, "tables": [{"name": "a"}]})));
    let wider = core.made(TYPE, Some(&made), &config(&stand_in, json!({})));
    core.destroyed(&wider);
    assert!(may_read(&stand_in, "r", "a"));
    assert!(!may_read(&stand_in, "r", "b"));
}

#[test]
fn a_commit_whose_answer_is_lost() {
    let stand_in = with_roles();
    let core = Core::new(&stand_in);
    let known = config(&stand_in, json!({}));
    stand_in.sql_as_owner("GRANT SELECT ON a TO r").expect("granted");
    let lost = |plan| {
        hold_commits(&stand_in);
        std::thread::scope(|scope| {
            let applying = scope.spawn(|| core.apply(plan, &known));
            lose_commit(&stand_in);
            applying.join().expect("an outcome")
        })
    };
    let plan = core.plan(TYPE, None, &known).expect("a plan");
    let made = core.settled(&lost(&plan).done(), &known);
    let plan = core.plan_destroy(&made).expect("a plan").expect("an object");
    let outcome = lost(&plan);
    outcome.messages.insist_no_error();
    assert_eq!(outcome.object, None);
    assert!(may_read(&stand_in, "r", "a"), "what was there before");
    assert!(!may_read(&stand_in, "r", "b"));
}

#[test]
fn many_grants_of_one_table_at_once() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let names: Vec<String> = (0..8).map(|it| format!("r{it}")).collect();
    for name in &names {
        stand_in.sql(&format!("CREATE ROLE {name}"));
    }
    let made: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = names
            .iter()
            .map(|name| {
                let (core, walk, config) = (&core, &walk, config(&stand_in, json!({"role": name})));
                scope.spawn(move || {
                    let plan = Core::plan_in(walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan");
                    (core.apply_in(walk, &plan, &config).done(), config)
                })
            })
            .collect();
        running.into_iter().map(|it| it.join().expect("an outcome")).collect()
    });
    for (object, config) in &made {
        core.settled(object, config);
    }
}

/// Neon's operation that deletes a role fails where a grant is open on the same table.
#[test]
fn no_grant_runs_while_a_role_of_the_branch_is_deleted() {
    let stand_in = with_roles();
    let core = Core::new(&stand_in);
    let role = |name: &str| json!({ "project_id": stand_in.ready.project_id, "name": name });
    let going = core.made("neonrep_role", None, &role("going"));
    let grant = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &grant).expect("a plan");
    let destroy = core.plan_destroy(&going).expect("a plan").expect("a role");
    let walk = core.walk();
    stand_in.settings(&json!({ "operation_ms": 2000 }));
    stand_in.forget_requests();
    let wanted = core.config(TYPE, &grant);
    std::thread::scope(|scope| {
        let deletion = scope.spawn(|| core.apply_in(&walk, &destroy, &json!({})));
        while stand_in.count_requests("DELETE", "/roles/going") == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let change =
            Change { type_name: TYPE, prior: &Value::Null, planned: &plan.planned, config: &wanted, private: &[] };
        let granting = walk.begin_apply(&change);
        let both = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = 'going') || ' ' ||
                           (SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE a.grantee = 'r'::regrole)::int::bool";
        let mut seen = std::collections::BTreeSet::new();
        while !seen.contains("0 true") {
            seen.insert(stand_in.value(both));
        }
        assert!(seen.contains("1 false") && !seen.contains("1 true"), "{seen:?}");
        deletion.join().expect("an outcome").messages.insist_no_error();
        Core::outcome(TYPE, None, walk.finish_apply(&change, granting)).messages.insist_no_error();
    });
}
