//! `neonrep_publication`

use serde_json::{Value as Json, json};

use super::{hold_commits, lose_commit, started};
use crate::support::core::{Action, Change, Core, Object, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_publication";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({
        "project_id": stand_in.ready.project_id, "database": "neondb", "name": "p", "tables": [{"name": "a"}],
    });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

#[test]
fn its_life() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let at_plan = config(&stand_in, json!({"tables": [{"name": "a", "replica_identity_id": unknown()}]}));
    let identity = stand_in.id_of("public/a");
    let known = config(&stand_in, json!({"tables": [{"name": "a", "replica_identity_id": identity}]}));
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    assert_eq!(plan.action, Action::Create);
    assert_eq!(plan.unknown(), ["adopted", "branch_id", "id", "oid", "owner"]);
    let made = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!((made.text("id"), made.text("branch_id")), (stand_in.id_of("p"), stand_in.ready.branch_id.clone()));

    // In place: an id of an identity that becomes unknown, another table, other changes.
    let at_plan =
        json!({"publish": ["insert"], "tables": [{"name": "a", "replica_identity_id": unknown()}, {"name": "b"}]});
    let then =
        json!({"publish": ["insert"], "tables": [{"name": "a", "replica_identity_id": identity}, {"name": "b"}]});
    let (at_plan, known) = (config(&stand_in, at_plan), config(&stand_in, then));
    let plan = core.plan(TYPE, Some(&made), &at_plan).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Update, vec![]), "what is kept stays known");
    let changed = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!((changed.get("id"), changed.get("oid")), (made.get("id"), made.get("oid")));

    // Drift, then gone.
    stand_in.sql_as_owner("ALTER PUBLICATION p DROP TABLE b").expect("dropped");
    let healed = core.made(TYPE, Some(&changed), &known);
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication_tables"), "2");
    stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
    let plan = core.plan(TYPE, Some(&healed), &known).expect("a plan");
    assert_eq!((plan.action, plan.prior.is_none()), (Action::Create, true));
    let again = core.settled(&core.apply(&plan, &known).done(), &known);

    let imported = core.imported(TYPE, &stand_in.id_of("p"), &known);
    assert_eq!(imported.value, again.value);
    assert!(core.destroyed(&imported).0.is_empty());
    assert!(core.refreshed(&again).0.is_none());
}

#[test]
fn a_location_that_is_unknown_at_plan() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let known = config(&stand_in, json!({"branch_id": stand_in.ready.branch_id}));
    let at_plan = config(
        &stand_in,
        json!({"project_id": unknown(), "branch_id": unknown(), "name": unknown(), "tables": unknown()}),
    );
    let made = core.made_from(TYPE, None, &at_plan, &known);
    // Unknown behind an object that exists: a replacement in the plan, none in the end would be another action.
    let plan = core.plan(TYPE, Some(&made), &at_plan).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    let outcome = core.apply(&plan, &known);
    core.settled(&outcome.done(), &known);
}

#[test]
fn from_a_list_to_all_tables_and_back() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let list = config(&stand_in, json!({"allow_replace": true}));
    let all = config(&stand_in, json!({"allow_replace": true, "tables": null, "all_tables": true}));
    stand_in.sql("ALTER ROLE neondb_owner SUPERUSER");
    let made = core.made(TYPE, None, &list);
    let plan = core.plan(TYPE, Some(&made), &all).expect("a plan");
    assert_eq!((plan.action, plan.unknown()), (Action::Update, vec!["oid", "owner"]));
    let turned = core.settled(&core.apply(&plan, &all).done(), &all);
    assert_ne!(turned.get("oid"), made.get("oid"));
    core.made(TYPE, Some(&turned), &list);
}

#[test]
fn two_creates_of_one_name_at_once() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let walk = core.walk();
    let plans = [0, 1].map(|_| Core::plan_in(&walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan"));
    let outcomes = std::thread::scope(|scope| {
        let running = plans.each_ref().map(|plan| scope.spawn(|| core.apply_in(&walk, plan, &config)));
        running.map(|it| it.join().expect("an outcome"))
    });
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|it| it.object.is_some());
    assert_eq!((made.len(), refused.len()), (1, 1));
    refused[0].messages.insist_error("name", "already exists");
    let made = core.settled(made[0].object.as_ref().expect("an object"), &config);
    core.destroyed(&made);
}

#[test]
fn a_commit_whose_answer_is_lost() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let first = config(&stand_in, json!({}));
    let second = config(&stand_in, json!({"publish": ["insert"]}));
    let lost = |plan, config: &Json| {
        hold_commits(&stand_in);
        std::thread::scope(|scope| {
            let applying = scope.spawn(|| core.apply(plan, config));
            lose_commit(&stand_in);
            applying.join().expect("an outcome")
        })
    };
    let plan = core.plan(TYPE, None, &first).expect("a plan");
    let made = core.settled(&lost(&plan, &first).done(), &first);
    let plan = core.plan(TYPE, Some(&made), &second).expect("a plan");
    let changed = core.settled(&lost(&plan, &second).done(), &second);
    let plan = core.plan_destroy(&changed).expect("a plan").expect("a publication");
    let outcome = lost(&plan, &second);
    outcome.messages.insist_no_error();
    assert_eq!(outcome.object, None);
}

#[test]
fn a_session_that_ends_before_its_commit_is_made_again() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    // Sequences do not roll back: the first time only.
    stand_in.sql(
        "CREATE SEQUENCE times; GRANT ALL ON SEQUENCE times TO PUBLIC;
         CREATE FUNCTION ends() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN IF nextval('public.times') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;
         CREATE EVENT TRIGGER ends ON ddl_command_end WHEN TAG IN ('CREATE PUBLICATION') EXECUTE FUNCTION ends();",
    );
    core.made(TYPE, None, &config(&stand_in, json!({})));
    assert_eq!(stand_in.value("SELECT last_value FROM times"), "2");
}

#[test]
fn a_failed_update_keeps_what_was() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    let wanted = config(&stand_in, json!({"tables": [{"name": "a"}, {"name": "b"}]}));
    let plan = core.plan(TYPE, Some(&made), &wanted).expect("a plan");
    stand_in.sql("DROP TABLE b");
    let outcome = core.apply(&plan, &wanted);
    outcome.messages.insist_error("tables", "does not exist");
    assert_eq!(outcome.object, Some(made.clone()));
    // Gone between plan and apply.
    let wanted = config(&stand_in, json!({"publish": []}));
    let plan = core.plan(TYPE, Some(&made), &wanted).expect("a plan");
    stand_in.sql("DROP PUBLICATION p");
    let outcome = core.apply(&plan, &wanted);
    outcome.messages.insist_error("", "no longer exists");
    assert_eq!(outcome.object, Some(made));
}

#[test]
fn a_table_that_others_listed_and_drop_during_the_update_is_not_missed() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &config);
    stand_in
        .sql_as_owner("CREATE TABLE passing(id int PRIMARY KEY); ALTER PUBLICATION p ADD TABLE passing")
        .expect("drift");
    let plan = core.plan(TYPE, Some(&made), &config).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    let other = stand_in.session();
    other.run("BEGIN; DROP TABLE passing").expect("an open transaction");
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            super::until(&stand_in, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "1");
            other.run("COMMIT").expect("a commit");
        });
        core.apply(&plan, &config)
    });
    core.settled(&outcome.done(), &config);
    assert_eq!(stand_in.value("SELECT string_agg(tablename, ',') FROM pg_publication_tables"), "a");
}

#[test]
fn a_request_that_is_dropped_is_carried_through() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &config).expect("a plan");
    let walk = core.walk();
    let blocker = stand_in.session();
    blocker.run("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE").expect("a lock");
    let config = core.config(TYPE, &config);
    let planned = walk.plan(TYPE, &tfplugin::Value::Null, &config, &[]).expect("a plan");
    assert_eq!(planned.value, plan.planned);
    let null = tfplugin::Value::Null;
    let change = Change { type_name: TYPE, prior: &null, planned: &planned.value, config: &config, private: &[] };
    let begun = walk.begin_apply(&change);
    super::until(&stand_in, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "1");
    begun.abort();
    blocker.run("COMMIT").expect("the lock is given back");
    super::until(&stand_in, "SELECT count(*) FROM pg_publication", "1");
    // The process remembers what it made: a later Delete of the same name in this run leaves it alone.
    let object = crate::support::core::Object {
        type_name: TYPE.to_owned(),
        value: core.config(TYPE, &json!({
            "id": stand_in.id_of("p"), "project_id": stand_in.ready.project_id, "branch_id": stand_in.ready.branch_id,
            "database": "neondb", "name": "p", "tables": [{"schema": "public", "name": "a"}], "adopted": false,
        })),
        private: Vec::new(),
        tainted: false,
    };
    let change = Change { type_name: TYPE, prior: &object.value, planned: &null, config: &null, private: &[] };
    let mut said = walk.apply(&change).messages;
    for _ in 0..100 {
        if !said.0.is_empty() {
            break;
        }
        said = walk.apply(&change).messages;
    }
    said.insist_warning("was kept");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");
}

#[test]
fn the_branch_or_database_that_is_gone_takes_it_along_and_the_project_does_not() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &config);
    let branch = stand_in.ready.branch_id.clone();
    stand_in.fault(
        &json!({"path": format!("/projects/*/branches/{branch}**"), "times": null, "action": {"not_found": true}}),
    );
    let (found, said) = core.refreshed(&made);
    assert!(!said.have_errors() && found.is_none(), "{said}");
    let outcome = core.apply(&destroy_of(&core, &stand_in, &made), &config);
    outcome.messages.insist_no_error();
    assert!(outcome.object.is_none() && !outcome.messages.0.is_empty(), "a warning that nothing was dropped");
    stand_in.fault(&json!({"path": "/projects/**", "times": null, "action": {"not_found": true}}));
    let (found, said) = core.refreshed(&made);
    said.insist_error("project_id", "state rm");
    assert_eq!(found, Some(made));
}

/// The plan of a destroy without a refresh, made while all was there.
fn destroy_of(core: &Core, stand_in: &StandIn, object: &crate::support::core::Object) -> crate::support::core::Plan {
    stand_in.no_faults();
    let plan = core.plan_destroy(object).expect("a plan").expect("a publication");
    let branch = stand_in.ready.branch_id.clone();
    stand_in.fault(
        &json!({"path": format!("/projects/*/branches/{branch}**"), "times": null, "action": {"not_found": true}}),
    );
    plan
}

#[test]
fn a_mark_of_the_first_version_is_believed_by_a_state_of_it_and_renewed() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &plain);
    stand_in.sql_as_owner("COMMENT ON PUBLICATION p IS 'neonrep: adopted'").expect("a comment");
    let of_first_version = Object { private: b"{}".to_vec(), ..made.clone() };
    let plan = core.plan_destroy(&of_first_version).expect("a plan").expect("a publication");
    let done = core.apply(&plan, &plain);
    done.messages.insist_warning("was kept");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");

    // Any change renews the mark.
    let changed = core.made(TYPE, Some(&of_first_version), &config(&stand_in, json!({"publish": ["insert"]})));
    let comment = stand_in.value("SELECT obj_description(oid, 'pg_publication') FROM pg_publication");
    assert!(comment.starts_with("neonrep: adopted ") && !comment.contains('\n'), "{comment}");
    core.destroyed(&changed).insist_warning("was kept");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");
    // A state of this version that has not written the mark drops it.
    stand_in.sql_as_owner("COMMENT ON PUBLICATION p IS 'neonrep: adopted'").expect("a comment");
    core.destroyed(&made);
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}
