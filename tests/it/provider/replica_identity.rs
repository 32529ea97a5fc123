//! `neonrep_replica_identity`

use serde_json::{Value as Json, json};

use super::{hold_commits, lose_commit, started};
use crate::support::core::{Action, Core, unknown};
use crate::support::stand_in::StandIn;

const TYPE: &str = "neonrep_replica_identity";
const MODE: &str = "SELECT relreplident FROM pg_class WHERE relname = 'a'";

fn config(stand_in: &StandIn, more: Json) -> Json {
    let mut config =
        json!({ "project_id": stand_in.ready.project_id, "database": "neondb", "table": "a", "mode": "full" });
    let Json::Object(more) = more else { panic!("an object") };
    config.as_object_mut().expect("an object").extend(more);
    config
}

#[test]
fn its_life() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let full = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &config(&stand_in, json!({"project_id": unknown()}))).expect("a plan");
    assert_eq!(plan.unknown(), ["branch_id", "id", "original", "project_id"]);
    let made = core.settled(&core.apply(&plan, &full).done(), &full);
    assert_eq!(stand_in.value(MODE), "f");
    assert_eq!(made.get("original"), json!({"mode": "default", "index_name": null}));

    // An index whose name is known later.
    stand_in.sql_as_owner("CREATE UNIQUE INDEX by_id ON a(id)").expect("an index");
    let index = config(&stand_in, json!({"mode": "index", "index_name": "by_id"}));
    let at_plan = config(&stand_in, json!({"mode": "index", "index_name": unknown()}));
    let changed = core.made_from(TYPE, Some(&made), &at_plan, &index);
    assert_eq!((stand_in.value(MODE), changed.get("original")), ("i".to_owned(), made.get("original")));
    // Drift: the index is dropped, and the mode changed.
    stand_in.sql_as_owner("DROP INDEX by_id").expect("dropped");
    let plan = core.plan(TYPE, Some(&changed), &full).expect("a plan");
    assert_eq!(plan.prior.as_ref().expect("an object").get("index_name"), Json::Null);
    let changed = core.settled(&core.apply(&plan, &full).done(), &full);
    stand_in.sql_as_owner("ALTER TABLE a REPLICA IDENTITY NOTHING").expect("altered");
    let changed = core.made(TYPE, Some(&changed), &full);

    // What was there before is not known after an import: destroy keeps it.
    let id = stand_in.id_of("public/a");
    let imported = core.imported(TYPE, &id, &full);
    assert_eq!(imported.get("original"), Json::Null);
    core.destroyed(&imported).insist_warning("keeps its replica identity");
    assert_eq!(stand_in.value(MODE), "f");
    core.destroyed(&changed);
    assert_eq!(stand_in.value(MODE), "d");

    stand_in.sql_as_owner("DROP TABLE a").expect("dropped");
    let plan = core.plan(TYPE, Some(&changed), &full).expect("a plan");
    assert_eq!((plan.action, plan.prior.is_none()), (Action::Create, true));
    plan.messages.insist_warning("a");
    let outcome = core.apply(&plan, &full);
    outcome.messages.insist_error("table", "does not exist");
    assert_eq!(outcome.object, None);
}

#[test]
fn another_table_is_a_replacement_that_gives_the_first_back() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let made = core.made(TYPE, None, &config(&stand_in, json!({})));
    let plan = core.plan(TYPE, Some(&made), &config(&stand_in, json!({"table": "b"}))).expect("a plan");
    assert_eq!(plan.action, Action::Replace);
    let other = config(&stand_in, json!({"table": "b"}));
    let replaced = core.settled(&core.apply(&plan, &other).done(), &other);
    assert_eq!(stand_in.value(MODE), "d");
    assert_eq!(replaced.text("id"), stand_in.id_of("public/b"));
}

#[test]
fn a_commit_whose_answer_is_lost_loses_nothing() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    stand_in.sql_as_owner("ALTER TABLE a REPLICA IDENTITY NOTHING").expect("altered");
    let full = config(&stand_in, json!({}));
    let plan = core.plan(TYPE, None, &full).expect("a plan");
    hold_commits(&stand_in);
    let outcome = std::thread::scope(|scope| {
        let applying = scope.spawn(|| core.apply(&plan, &full));
        lose_commit(&stand_in);
        applying.join().expect("an outcome")
    });
    let made = core.settled(&outcome.done(), &full);
    assert_eq!(made.get("original")["mode"], "nothing", "what the table had before");
    core.destroyed(&made);
    assert_eq!(stand_in.value(MODE), "n");
}

#[test]
fn a_destroy_that_would_break_a_publication_is_refused_and_keeps_the_state() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE c(x int)").expect("a table without a key");
    let full = config(&stand_in, json!({"table": "c"}));
    let made = core.made(TYPE, None, &full);
    stand_in.sql_as_owner("CREATE PUBLICATION p FOR TABLE c").expect("a publication");
    let plan = core.plan_destroy(&made).expect("a plan").expect("an object");
    let outcome = core.apply(&plan, &full);
    assert!(outcome.messages.to_string().contains("on_destroy"), "{}", outcome.messages);
    assert_eq!(outcome.object, Some(made.clone()));
    // A mode that the publication cannot use.
    let nothing = config(&stand_in, json!({"table": "c", "mode": "nothing"}));
    let plan = core.plan(TYPE, Some(&made), &nothing).expect("a plan");
    let outcome = core.apply(&plan, &nothing);
    assert!(outcome.messages.have_errors());
    assert_eq!(outcome.object, Some(made));
}

#[test]
fn a_table_that_was_recreated_gets_back_what_it_had_itself() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let full = config(&stand_in, json!({}));
    stand_in.sql_as_owner("ALTER TABLE a REPLICA IDENTITY NOTHING").expect("altered");
    let made = core.made(TYPE, None, &full);
    assert_eq!(made.get("original"), json!({"mode": "nothing", "index_name": null}));
    // From a dump, which has the mode that was set: what was before is not forgotten.
    stand_in
        .sql_as_owner("DROP TABLE a; CREATE TABLE a(id int PRIMARY KEY); ALTER TABLE a REPLICA IDENTITY FULL")
        .expect("restored");
    let made = core.made(TYPE, Some(&made), &full);
    assert_eq!(made.get("original"), json!({"mode": "nothing", "index_name": null}));
    // By a migration.
    stand_in.sql_as_owner("DROP TABLE a; CREATE TABLE a(id int PRIMARY KEY)").expect("recreated");
    let made = core.made(TYPE, Some(&made), &full);
    assert_eq!(
        (stand_in.value(MODE), made.get("original")),
        ("f".to_owned(), json!({"mode": "default", "index_name": null}))
    );
    core.destroyed(&made);
    assert_eq!(stand_in.value(MODE), "d");
}
