//! `neonrep_subscription`: unknown values, interruptions and lost answers.
//!
//! The publisher is the same server, by another address than the provider knows. Creating a slot there waits for itself, which
//! is as long as a test needs.

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::{started_on, until};
use crate::support::core::{Action, Change, Core, unknown};
use crate::support::stand_in::StandIn;
use crate::support::versions::{since, suite};

const TYPE: &str = "neonrep_subscription";
const COUNT: &str = "SELECT count(*) FROM pg_subscription";
const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'";
/// The provider's session that waits for the publisher.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE SUBSCRIPTION%' AND state = 'active' \
                       AND pid <> pg_backend_pid()";

/// A publication, and a database that can subscribe to it.
fn publisher(major: u16) -> StandIn {
    let stand_in = started_on(major);
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE a; INSERT INTO a VALUES (1), (2)").expect("a publication");
    stand_in.admin("POST", "/databases", Some(&json!({ "name": "copy", "owner": "neondb_owner" })));
    stand_in.sql_in("copy", "CREATE TABLE a(id int PRIMARY KEY)");
    stand_in.sql_in("copy", "ALTER TABLE a OWNER TO neondb_owner");
    stand_in
}

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config = json!({
        "project_id": stand_in.ready.project_id, "database": "copy", "name": "sub", "publications": ["p"],
        "connection_wo": stand_in.superuser_conninfo("neondb"), "connection_wo_version": 1,
    });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

#[test]
fn its_life_with_a_connection_that_is_known_at_the_apply() {
    // `origin` came with it.
    let stand_in = publisher(since(16));
    stand_in.sql("SELECT pg_create_logical_replication_slot('mine', 'pgoutput')");
    let core = Core::new(&stand_in);
    let own = json!({"create_slot": false, "slot_name": "mine"});
    let known = config(&stand_in, own.clone());
    let mut at_plan = known.clone();
    at_plan["connection_wo"] = unknown();
    let plan = core.plan(TYPE, None, &at_plan).expect("a plan");
    assert_eq!(plan.unknown(), ["branch_id", "id", "origin", "streaming"]);
    assert_eq!((plan.get("publisher_slot"), plan.get("connection_wo")), (json!("mine"), Json::Null));
    let created = core.settled(&core.apply(&plan, &known).done(), &known);
    assert_eq!(created.text("id"), stand_in.id_of("sub").replace("/neondb/", "/copy/"));
    let mut disabled = known.clone();
    disabled["enabled"] = json!(false);
    disabled["origin"] = json!("none");
    let changed = core.made(TYPE, Some(&created), &disabled);
    assert_eq!(stand_in.value_in("copy", "SELECT concat(subenabled, suborigin) FROM pg_subscription"), "fnone");

    // An import keeps the connection string that the server has, with the version or without it.
    let id = created.text("id");
    core.imported(TYPE, &id, &disabled);
    let mut generated = disabled.clone();
    for argument in ["connection_wo", "connection_wo_version"] {
        generated.as_object_mut().expect("an object").remove(argument);
    }
    core.imported(TYPE, &id, &generated);
    core.destroyed(&changed).insist_warning("was left at the publisher");
    assert_eq!((stand_in.value(COUNT), stand_in.value(SLOTS)), ("0".to_owned(), "1".to_owned()));
}

/// Begins a creation that waits, and hands over what the apply says once `end` has ended it.
fn waits(stand_in: &StandIn, more: Json, end: impl Fn(&crate::support::core::Walk)) -> String {
    let core = Core::new(stand_in);
    let walk = core.walk();
    let config = core.config(TYPE, &config(stand_in, more));
    let planned = Core::plan_in(&walk, TYPE, None, &config).expect("a plan").planned;
    let change = Change { type_name: TYPE, prior: &Value::Null, planned: &planned, config: &config, private: &[] };
    let begun = walk.begin_apply(&change);
    until(stand_in, WAITING, "1");
    end(&walk);
    let done = walk.finish_apply(&change, begun);
    let said = done.messages.to_string();
    assert_eq!(Core::outcome(TYPE, None, done).object, None, "{said}");
    until(stand_in, WAITING, "0");
    assert_eq!((stand_in.value(COUNT), stand_in.value(SLOTS)), ("0".to_owned(), "0".to_owned()), "{said}");
    said
}

#[test]
fn a_creation_that_does_not_end_leaves_nothing() {
    let stand_in = publisher(suite());
    let said = waits(&stand_in, json!({"timeouts": {"create": "4s"}}), |_| ());
    assert!(said.contains("was not created within 4s") && said.contains("slot `sub`"), "{said}");
    let said = waits(&stand_in, json!({}), crate::support::core::Walk::stop);
    assert!(said.contains("interrupted"), "{said}");
    let said = waits(&stand_in, json!({}), |_| {
        let pid = WAITING.replace("count(*)", "coalesce(max(pid), 0)");
        let mut last = "0".to_owned();
        // It is sent again three times, each time in a new session, and perhaps at once.
        for _ in 0..4 {
            until(&stand_in, &format!("SELECT ({pid}) NOT IN (0, {last})"), "t");
            last = stand_in.value(&pid);
            stand_in.sql(&format!("SELECT pg_terminate_backend({last})"));
        }
    });
    assert!(said.contains("Cannot create subscription `sub`") && said.contains("during an earlier attempt"), "{said}");
}

#[test]
fn what_is_gone_is_created_again_and_what_changed_is_set_again() {
    let stand_in = publisher(suite());
    stand_in.sql("SELECT pg_create_logical_replication_slot('mine', 'pgoutput')");
    let core = Core::new(&stand_in);
    let config = config(&stand_in, json!({"create_slot": false, "slot_name": "mine"}));
    let created = core.made(TYPE, None, &config);
    stand_in.sql_in("copy", "ALTER SUBSCRIPTION sub DISABLE");
    stand_in.sql_in("copy", "ALTER SUBSCRIPTION sub SET (slot_name = NONE)");
    let plan = core.plan(TYPE, Some(&created), &config).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    let mended = core.made(TYPE, Some(&created), &config);
    assert_eq!(mended.text("publisher_slot"), "mine");
    stand_in.sql_in("copy", "ALTER SUBSCRIPTION sub DISABLE");
    stand_in.sql_in("copy", "ALTER SUBSCRIPTION sub SET (slot_name = NONE)");
    stand_in.sql_in("copy", "DROP SUBSCRIPTION sub");
    let (found, messages) = core.refreshed(&mended);
    assert!(found.is_none());
    messages.insist_warning("no longer exists");
    messages.insist_warning("Neon drops subscriptions");
}
