//! A slot whose database has another name now, is gone, or whose name another database has got.

use super::{ADDRESS, SLOT, applied, both, count, started, with_table};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// The slot behind a publication that is made outside, so that the slot alone is looked at.
fn outside(stand_in: &StandIn, database: &str, arguments: &str) -> String {
    let id = stand_in.id_of("pub_one").replace("/neondb/", &format!("/{database}/"));
    SLOT.replace("neonrep_publication.this.id", &format!("{id:?}")).replace("ARGUMENTS", arguments)
}

/// A slot, its database renamed.
fn renamed(arguments: &str) -> (StandIn, Workspace) {
    let stand_in = started();
    stand_in.sql_as_owner("CREATE PUBLICATION pub_one FOR TABLE a").expect("a publication");
    stand_in.sql("CREATE DATABASE aside OWNER neondb_owner");
    let workspace = applied(&stand_in, &outside(&stand_in, "neondb", arguments));
    rename(&stand_in, "neondb", "renamed");
    (stand_in, workspace)
}

fn rename(stand_in: &StandIn, old: &str, new: &str) {
    stand_in
        .sql_in("aside", &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{old}'"));
    stand_in.sql_in("aside", &format!("ALTER DATABASE {old} RENAME TO {new}"));
}

fn slots(stand_in: &StandIn) -> String {
    let rows = stand_in.sql_in("aside", "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'");
    rows[0][0].clone().unwrap_or_default()
}

#[test]
fn a_renamed_database_is_followed_and_the_configuration_is_asked_to_follow() {
    let (stand_in, workspace) = renamed("");
    let plan = workspace.plan_fails();
    let error = plan.error();
    for part in ["`neondb` was renamed", "`renamed`", "slot_one"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(slots(&stand_in), "1");
    // The configuration follows: in place, with nothing replaced.
    workspace.write(&outside(&stand_in, "renamed", ""));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), Vec::<String>::new());
    plan.insist_warning("was renamed");
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["database"], "renamed");
    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_slot_is_not_lost_with_a_publication_of_a_renamed_database() {
    let stand_in = started();
    stand_in.sql("CREATE DATABASE aside OWNER neondb_owner");
    let workspace = applied(&stand_in, &both(""));
    rename(&stand_in, "neondb", "renamed");
    let plan = workspace.plan_fails();
    assert!(plan.messages().contains("renamed"), "{}", plan.messages());
    assert_eq!(slots(&stand_in), "1");
}

#[test]
fn a_destroy_drops_the_slot_of_a_renamed_database() {
    let (stand_in, workspace) = renamed("");
    workspace.try_destroy(&["-refresh=false"]).expect_success();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_protected_slot_is_protected_under_another_name_of_its_database() {
    let (stand_in, workspace) = renamed("deletion_protection = true");
    workspace.try_destroy(&["-refresh=false"]).expect_failure().insist_error("deletion_protection");
    workspace.write(&outside(&stand_in, "renamed", "deletion_protection = true"));
    workspace.try_destroy(&[]).expect_failure().insist_error("deletion_protection");
    assert_eq!(slots(&stand_in), "1");
}

#[test]
fn another_database_under_the_old_name_is_told_apart() {
    let (stand_in, workspace) = renamed("");
    stand_in.sql_in("aside", "CREATE DATABASE neondb OWNER neondb_owner");
    workspace.write(&outside(&stand_in, "renamed", ""));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), Vec::<String>::new());
    plan.insist_warning("was renamed");
    workspace.destroy();
    assert_eq!(slots(&stand_in), "0");
}

#[test]
fn a_dropped_database_took_its_slot_along() {
    let stand_in = with_table(StandIn::start_logical(suite()));
    stand_in.sql("CREATE DATABASE aside OWNER neondb_owner");
    stand_in.sql_as_owner("CREATE PUBLICATION pub_one FOR TABLE a").expect("a publication");
    let workspace = applied(&stand_in, &outside(&stand_in, "neondb", ""));
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    stand_in.sql_in("aside", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'neondb'");
    stand_in.sql_in("aside", "DROP DATABASE neondb WITH (FORCE)");
    workspace.refresh();
    assert!(workspace.addresses().is_empty());
}

#[test]
fn a_destroy_warns_of_a_connected_consumer() {
    use crate::support::consumer::Subscription;
    let stand_in = started();
    let workspace = applied(&stand_in, &both(""));
    let consumer = Subscription::attach(&stand_in, "slot_one", "pub_one", "CREATE TABLE a(id int PRIMARY KEY)");
    let plan = workspace.plan_with(&["-destroy"]);
    plan.insist_warning("slot_has_consumer");
    assert!(plan.messages().contains(&consumer.pid()), "{}", plan.messages());
    consumer.detach();
    workspace.destroy();
    assert_eq!(count(&stand_in, "slot_one"), "0");
}
