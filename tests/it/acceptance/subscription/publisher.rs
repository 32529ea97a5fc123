//! The slot at the publisher, and a publisher that is gone.

use crate::provider::until;

use super::{ADDRESS, TABLES, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;
use crate::support::versions::suite;

const OF_T: &str = "  publications = [neonrep_publication.t.name]";

#[test]
fn a_dead_publisher_keeps_its_slot_and_the_destroy_says_so() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(OF_T));
    workspace.apply();
    target.sql("ALTER SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1 user=u password=of-nobody-at-all'");
    let destroyed = workspace.destroy();
    destroyed.insist_warning("Slot `sub` was left at the publisher");
    assert!(destroyed.warnings().iter().any(|it| it.text().contains("ould not connect")), "{}", destroyed.all());
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
    assert_eq!(slots(&stand_in), "1");
    workspace.no_secret_anywhere(&["of-nobody-at-all"]);
}

#[test]
fn keep_slot_keeps_it_with_a_warning() {
    let stand_in = source(14);
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(&format!("{OF_T}\n  slot_name = \"mine\"\n  on_destroy = \"keep_slot\"")));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["publisher_slot"], "mine");
    workspace.destroy().insist_warning("Slot `mine` was left at the publisher");
    assert_eq!(slots(&stand_in), "1");
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
}

/// What Neon does to a child branch: the subscription goes, its slot stays.
#[test]
fn a_subscription_that_its_branch_lost_is_created_again_once_its_slot_is_gone() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(OF_T));
    workspace.apply();
    target.wait_for("SELECT count(*) FROM t", "2");
    for statement in ["DISABLE", "SET (slot_name = NONE)"] {
        target.sql(&format!("ALTER SUBSCRIPTION sub {statement}"));
    }
    target.sql("DROP SUBSCRIPTION sub");
    target.sql("TRUNCATE t");
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_subscription.this create"]);
    plan.insist_warning("Subscription `sub` no longer exists");
    assert!(plan.warnings().iter().any(|it| it.text().contains("pg_drop_replication_slot('sub')")), "{}", plan.all());
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("already exists"), "{error:?}");
    stand_in.sql("SELECT pg_drop_replication_slot('sub')");
    workspace.apply();
    at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
    target.wait_for("SELECT count(*) FROM t", "3");
    workspace.destroy();
}

#[test]
fn a_publication_that_is_missing_is_a_warning_of_the_apply() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription("  publications = [\"not_there\"]"));
    workspace.apply().insist_warning("Publication of subscription `sub` is missing");
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_publisher_with_an_open_transaction_is_waited_for_and_told() {
    let stand_in = source(suite());
    let target = SecondProject::create(&stand_in);
    target.sql(TABLES);
    let workspace = workspace(&stand_in, &target);
    workspace.write(&subscription(&format!("{OF_T}\n  timeouts = {{ create = \"8s\" }}")));
    let writer = stand_in.session();
    writer.run("BEGIN; INSERT INTO t VALUES (9, 'open')").expect("an open transaction");
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("was not created within 8s"), "{error:?}");
    assert!(error.text().contains("open transaction") && error.text().contains("slot `sub`"), "{error:?}");
    assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
    assert!(workspace.addresses().iter().all(|it| it != ADDRESS), "nothing is in the state");
    writer.run("COMMIT").expect("its end");
    // The publisher may have finished what nobody waits for any more, as the error says.
    until(&stand_in, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'", "0");
    stand_in.sql(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'sub' AND NOT active",
    );
    workspace.apply();
    target.wait_for("SELECT count(*) FROM t", "3");
    workspace.destroy();
}
