//! `neonrep_slot`

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::{change_default_branch, started, until};
use crate::support::core::{Action, Begun, Change, Core, Object, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_slot";
const COUNT: &str = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'";
/// The provider's session that waits for the blocker of a slot's creation.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%create_logical_replication_slot%'";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({ "publication_id": stand_in.id_of("p"), "name": "s" });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

fn with_publication() -> StandIn {
    let stand_in = started();
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    stand_in
}

#[test]
fn its_life() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let at_plan = config(&stand_in, json!({"publication_id": unknown()}));
    let known = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    assert_eq!(plan.get("slot_name"), "s");
    assert_eq!(
        plan.unknown(),
        ["branch_id", "database", "id", "project_id", "publication_id", "publication_name", "publication_oid"]
    );
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("a publication");
    let made = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!((made.text("id"), made.text("status")), (stand_in.id_of("s"), "ok".to_owned()));
    // With a known id the place is known at plan.
    let other = config(&stand_in, json!({"name": "other"}));
    let plan = core.plan(TYPE, None, &other).expect("a plan");
    assert_eq!(plan.unknown(), ["id", "publication_oid"]);
    assert_eq!(plan.get("publication_name"), "p");

    let flags = config(&stand_in, json!({"terminate_consumer": true, "timeouts": {"create": "3m"}}));
    let changed = core.made(TYPE, Some(&made), &flags);
    assert_eq!(changed.get("publication_oid"), made.get("publication_oid"));
    // Another name: a replacement, deleted and made in one process.
    let replaced = core.made(TYPE, Some(&changed), &other);
    assert_eq!(stand_in.value(COUNT), "0");
    core.imported(TYPE, &stand_in.id_of("other/p"), &other);
    core.imported(TYPE, &stand_in.id_of("other"), &other);
    core.destroyed(&replaced);
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
}

#[test]
fn a_missing_slot_is_kept_refused_and_replaced_with_consent() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let plain = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &plain);
    stand_in.sql("SELECT pg_drop_replication_slot('s')");
    let plan = core.plan(TYPE, Some(&made), &plain).expect("a plan");
    plan.messages.insist_warning("new initial sync");
    assert_eq!((plan.action, plan.get("status")), (Action::Update, json!("ok")));
    let outcome = core.apply(&plan, &plain);
    outcome.messages.insist_error("", "-replace");
    let kept = outcome.object.expect("the slot stays in the state");
    assert_eq!((kept.text("status"), kept.tainted), ("missing".to_owned(), false));
    let consent = config(&stand_in, json!({"allow_recreate": true}));
    let plan = core.plan(TYPE, Some(&kept), &consent).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    core.settled(&core.apply(&plan, &consent).done(), &consent);
    assert_eq!(stand_in.value(COUNT), "1");
}

#[test]
fn a_publication_made_again_between_plan_and_apply() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &config).expect("a plan");
    stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
    let outcome = core.apply(&plan, &config);
    outcome.messages.insist_error("publication_id", "p");
    assert_eq!((outcome.object, stand_in.value(COUNT)), (None, "0".to_owned()));
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("made");
    let made = core.settled(&core.apply(&plan, &config).done(), &config);
    assert_eq!(made.get("publication_oid").to_string(), stand_in.value("SELECT oid FROM pg_publication"));
    // Behind a slot, between the plan of another change and its apply.
    let flags = self::config(&stand_in, json!({"terminate_consumer": true}));
    let plan = core.plan(TYPE, Some(&made), &flags).expect("a plan");
    stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("made");
    let outcome = core.apply(&plan, &flags);
    outcome.messages.insist_error("", "new initial sync");
    let kept = outcome.object.expect("an object");
    assert_eq!((kept.get("publication_oid"), kept.tainted), (made.get("publication_oid"), false));
}

/// A creation that waits for an open transaction, in `walk`.
fn create_behind<T>(stand_in: &StandIn, config: &Json, then: impl FnOnce(&Core, Waiting<'_>) -> T) -> T {
    let core = Core::new(stand_in);
    let walk = core.walk();
    let config = core.config(TYPE, config);
    let planned = walk.plan(TYPE, &Value::Null, &config, &[]).expect("a plan").value;
    let blocker = stand_in.session();
    blocker.run("BEGIN; CREATE TABLE held()").expect("an open transaction");
    let change = Change { type_name: TYPE, prior: &Value::Null, planned: &planned, config: &config, private: &[] };
    let begun = walk.begin_apply(&change);
    until(stand_in, WAITING, "1");
    let free = || drop(blocker.run("ROLLBACK").expect("the transaction ends"));
    then(&core, Waiting { walk: &walk, change, begun, pid: blocker.pid(), free: &free })
}

struct Waiting<'a> {
    walk: &'a crate::support::core::Walk,
    change: Change<'a>,
    begun: Begun,
    pid: String,
    free: &'a dyn Fn(),
}

#[test]
fn a_publication_made_again_while_the_slot_is_made() {
    let stand_in = with_publication();
    create_behind(&stand_in, &config(&stand_in, json!({})), |_, it| {
        stand_in.sql_as_owner("DROP PUBLICATION p").expect("dropped");
        stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a").expect("made");
        (it.free)();
        let done = it.walk.finish_apply(&it.change, it.begun);
        done.messages.insist_error("publication_id", "The new slot was dropped");
        assert_eq!(Core::outcome(TYPE, None, done).object, None);
    });
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn an_interrupted_creation_leaves_nothing_and_the_process_works_on() {
    let stand_in = with_publication();
    create_behind(&stand_in, &config(&stand_in, json!({})), |_, it| {
        it.walk.stop();
        let done = it.walk.finish_apply(&it.change, it.begun);
        done.messages.insist_error("", "interrupted");
        assert!(done.messages.to_string().contains(&it.pid), "{}", done.messages);
        assert_eq!(Core::outcome(TYPE, None, done).object, None);
        (it.free)();
        assert_eq!(stand_in.value(COUNT), "0", "a slot appeared later");
        // The same process, after the interruption.
        let done = it.walk.apply(&it.change);
        done.messages.insist_no_error();
    });
    assert_eq!(stand_in.value(COUNT), "1");
}

#[test]
fn the_time_for_a_creation_is_kept_and_the_blocker_named() {
    let stand_in = with_publication();
    let short = config(&stand_in, json!({"timeouts": {"create": "2s"}}));
    create_behind(&stand_in, &short, |_, it| {
        let done = it.walk.finish_apply(&it.change, it.begun);
        assert!(done.messages.to_string().contains(&it.pid), "{}", done.messages);
        done.messages.insist_error("", "No slot was created");
        assert_eq!(Core::outcome(TYPE, None, done).object, None);
        (it.free)();
    });
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn a_request_that_is_dropped_is_carried_through() {
    let stand_in = with_publication();
    create_behind(&stand_in, &config(&stand_in, json!({})), |core, it| {
        it.begun.abort();
        (it.free)();
        until(&stand_in, COUNT, "1");
        // The next run finds it by its name, and says how to go on.
        let plan = core.plan(TYPE, None, &config(&stand_in, json!({}))).expect("a plan");
        let outcome = core.apply(&plan, &config(&stand_in, json!({})));
        outcome.messages.insist_error("name", "import");
        assert_eq!(outcome.object, None);
    });
}

#[test]
fn two_creates_of_one_name_at_once() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let walk = core.walk();
    let plan = Core::plan_in(&walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan");
    let outcomes = std::thread::scope(|scope| {
        [0, 1].map(|_| scope.spawn(|| core.apply_in(&walk, &plan, &config))).map(|it| it.join().expect("an outcome"))
    });
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|it| !it.messages.have_errors());
    assert_eq!((made.len(), refused.len()), (1, 1), "{refused:?}");
    refused[0].messages.insist_error("name", "exists");
    assert_eq!(refused[0].object, None, "the other one's slot is not ours");
    core.settled(made[0].object.as_ref().expect("an object"), &config);
}

#[test]
fn a_replacement_of_its_publication_is_judged() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    // The run replaces the publication, which is still there: refused, with consent a replacement of the slot.
    let unknown_id = |consent: bool| config(&stand_in, json!({"publication_id": unknown(), "allow_recreate": consent}));
    let said = core.plan(TYPE, Some(&made), &unknown_id(false)).expect_err("a refusal");
    said.insist_error("publication_id", "allow_recreate");
    let plan = core.plan(TYPE, Some(&made), &unknown_id(true)).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    stand_in.sql_as_owner("CREATE PUBLICATION q FOR TABLE a").expect("made");
    let known = config(&stand_in, json!({"publication_id": stand_in.id_of("q"), "allow_recreate": true}));
    let replaced = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!(replaced.text("publication_name"), "q");
    // Another one that exists, proved older or not: in place, judged by the apply.
    let plan = core.plan(TYPE, Some(&replaced), &config(&stand_in, json!({}))).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    let outcome = core.apply(&plan, &config(&stand_in, json!({})));
    let left: Object = outcome.object.expect("an object");
    if outcome.messages.have_errors() {
        outcome.messages.insist_error("publication_id", "-replace");
        assert_eq!(left.text("publication_name"), "q");
    } else {
        core.settled(&left, &config(&stand_in, json!({})));
    }
}

#[test]
fn a_tainted_slot_is_replaced_and_a_protected_one_is_not() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = |protected: bool| config(&stand_in, json!({"deletion_protection": protected}));
    let made = core.made(TYPE, None, &config(false));
    let lsn = || stand_in.value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 's'");
    let before = lsn();
    stand_in.sql_as_owner("INSERT INTO a VALUES (1)").expect("a row");
    let tainted = Object { tainted: true, ..made };
    let plan = core.plan(TYPE, Some(&tainted), &config(true)).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    let made = core.settled(&core.apply(&plan, &config(true)).done(), &config(true));
    assert_ne!(lsn(), before);
    core.plan_destroy(&made).expect_err("protected").insist_error("deletion_protection", "protect");
    // Protected between the plan of the destroy and its apply: the plan is of the state, and so is the judgement.
    let open = core.made(TYPE, Some(&made), &config(false));
    let plan = core.plan_destroy(&open).expect("a plan").expect("a slot");
    assert_eq!(core.apply(&plan, &config(false)).object, None);
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn a_busy_slot_stays_in_the_state_and_its_consumer_is_named() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let short = config(&stand_in, json!({"timeouts": {"delete": "2s"}}));
    let made = core.made(TYPE, None, &short);
    stand_in.sql("CREATE DATABASE elsewhere");
    stand_in.sql_in("elsewhere", "CREATE TABLE a(id int PRIMARY KEY)");
    let connection = crate::support::sql::literal(&stand_in.superuser_conninfo("neondb"));
    stand_in.sql_in(
        "elsewhere",
        &format!("CREATE SUBSCRIPTION eager CONNECTION {connection} PUBLICATION p WITH (create_slot = false, slot_name = 's')"),
    );
    until(&stand_in, "SELECT active FROM pg_replication_slots WHERE slot_name = 's'", "t");
    let pid = stand_in.value("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 's'");
    let plan = core.plan_destroy(&made).expect("a plan").expect("a slot");
    let outcome = core.apply(&plan, &short);
    outcome.messages.insist_error("", &pid);
    assert_eq!(outcome.object, Some(made));
    stand_in.sql_in("elsewhere", "ALTER SUBSCRIPTION eager DISABLE");
    stand_in.sql_in("elsewhere", "ALTER SUBSCRIPTION eager SET (slot_name = NONE)");
    until(&stand_in, "SELECT active FROM pg_replication_slots WHERE slot_name = 's'", "f");
    assert_eq!(core.apply(&plan, &short).object, None);
}

#[test]
fn a_process_that_lives_long_deletes_what_it_created() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let walk = core.walk();
    let plan = Core::plan_in(&walk, TYPE, None, &core.config(TYPE, &config)).expect("a plan");
    let made = core.apply_in(&walk, &plan, &config).done();
    // The memory of the process tells its own instance from another one of the same name.
    let null = Value::Null;
    let change = |private: &[u8]| {
        walk.apply(&Change { type_name: TYPE, prior: &made.value, planned: &null, config: &null, private })
    };
    change(&[]).messages.insist_warning("was kept");
    assert_eq!(stand_in.value(COUNT), "1");
    let deleted = change(&made.private);
    assert!(deleted.messages.0.is_empty(), "{}", deleted.messages);
    assert_eq!(stand_in.value(COUNT), "0");
}

#[test]
fn a_state_of_the_first_release_changes_nothing() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &config);
    let mut older = made.value.clone();
    if let Value::Object(attributes) = &mut older {
        for later in ["plugin", "two_phase", "failover"] {
            attributes.insert(later.to_owned(), Value::Null);
        }
    }
    let plan = core.plan(TYPE, Some(&Object { value: older, private: Vec::new(), ..made.clone() }), &config);
    assert_eq!(plan.expect("a plan").action, Action::Nothing);
}

#[test]
fn a_publication_that_is_taken_away_is_an_error_before_anything_changes() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    let said = core.plan(TYPE, Some(&made), &config(&stand_in, json!({"publication_id": null})));
    said.expect_err("a refusal").insist_error("publication_id", "needs a publication");
    assert_eq!(stand_in.value(COUNT), "1");
}

#[test]
fn a_slot_that_is_replaced_for_its_own_sake_is_not_behind_a_replaced_publication() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    let renamed = config(&stand_in, json!({"publication_id": unknown(), "name": "other"}));
    let plan = core.plan(TYPE, Some(&made), &renamed).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    plan.messages.insist_warning("new initial sync");
}

#[test]
fn a_slot_without_a_publication_stays_on_its_branch_when_the_default_branch_changes() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let config = |name: &str| {
        json!({
            "project_id": stand_in.ready.project_id, "database": "neondb", "name": name, "plugin": "test_decoding",
        })
    };
    let made = core.made(TYPE, None, &config("s"));
    assert_eq!(made.get("branch_id"), json!(stand_in.ready.branch_id));
    change_default_branch(&stand_in);
    let replaced = core.made(TYPE, Some(&made), &config("other"));
    assert_eq!(replaced.get("branch_id"), made.get("branch_id"));
    let again = core.made(TYPE, Some(&Object { tainted: true, ..replaced }), &config("other"));
    assert_eq!(again.get("branch_id"), made.get("branch_id"));
}

#[test]
fn a_mark_of_the_first_version_is_believed_once_by_a_state_of_it() {
    let stand_in = with_publication();
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({}));
    let made = core.made(TYPE, None, &config);
    let oid = stand_in.value("SELECT oid FROM pg_publication");
    let recreate = |oid: &str| {
        let statements = format!(
            "DROP PUBLICATION p; CREATE PUBLICATION p FOR TABLE a; COMMENT ON PUBLICATION p IS 'neonrep: continues {oid}'"
        );
        stand_in.sql_as_owner(&statements).expect("recreated");
    };
    recreate(&oid);
    let (read, said) = core.walk().read(&made);
    assert_eq!(read.expect("a slot").text("status"), "publication_recreated");
    said.insist_warning("is not proved");

    let of_first_version = Object { private: b"{}".to_vec(), ..made };
    let (read, said) = core.walk().read(&of_first_version);
    let read = read.expect("a slot");
    assert_eq!((read.text("status"), said.0.len()), ("ok".to_owned(), 0));
    assert_eq!(read.get("publication_oid").to_string(), stand_in.value("SELECT oid FROM pg_publication"));
    // From here on it is a state of this version.
    recreate(&read.get("publication_oid").to_string());
    let (read, _) = core.walk().read(&read);
    assert_eq!(read.expect("a slot").text("status"), "publication_recreated");
}
