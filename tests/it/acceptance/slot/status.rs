//! What a refresh finds out about a slot, and what brings it back.

use super::{ADDRESS, PUBLICATION, REPLACE, applied, both, count, slot, started, with_table};
use crate::support::consumer;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn status(workspace: &Workspace) -> String {
    workspace.attributes(ADDRESS)["status"].as_str().unwrap_or_default().to_owned()
}

/// The story of every status but `ok`: told, shown as a difference, refused, cured by consent; and a destroy works.
fn is_told_refused_and_cured(stand_in: &StandIn, break_it: impl Fn(), expected: &str) {
    let workspace = applied(stand_in, &both(""));
    break_it();
    let plan = workspace.plan_with(&["-target=neonrep_slot.this"]);
    plan.insist_warning("new initial sync");
    workspace.refresh();
    assert_eq!(status(&workspace), expected);
    assert!(workspace.plan().changes().contains(&"neonrep_slot.this update".to_owned()));
    assert!(workspace.plan_text().contains(&format!(r#"{expected:?} -> "ok""#)), "{}", workspace.plan_text());
    let before = stand_in.value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'slot_one'");
    workspace.apply_fails().insist_error("-replace");
    let after = stand_in.value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'slot_one'");
    assert_eq!(before, after, "a slot was made again in silence");
    // The acknowledgement cures it alone.
    workspace.apply_with(&[REPLACE]);
    assert_eq!(status(&workspace), "ok");
    stand_in.sql("INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a");
    let changes = consumer::take(stand_in, "slot_one", "pub_one").expect("the new slot decodes");
    assert_eq!(changes.len(), 1);
    // Consent beforehand plans the replacement.
    workspace.write(&both("allow_recreate = true"));
    workspace.apply();
    break_it();
    let plan = workspace.plan();
    assert!(plan.changes().contains(&"neonrep_slot.this replace".to_owned()), "{}", plan.messages());
    workspace.apply();
    assert_eq!(status(&workspace), "ok");
    // A destroy works in spite of it.
    workspace.write(&both(""));
    workspace.apply();
    break_it();
    workspace.destroy();
    assert_eq!(count(stand_in, "slot_one"), "0");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn a_missing_slot() {
    let stand_in = started();
    is_told_refused_and_cured(
        &stand_in,
        || drop(stand_in.sql("SELECT pg_drop_replication_slot('slot_one')")),
        "missing",
    );
}

const ASSERTION: &str = r#"
check "slot" {
  assert {
    condition     = neonrep_slot.this.status == "ok"
    error_message = "the slot cannot serve its consumer"
  }
}
"#;

#[test]
fn a_check_block_sees_the_planned_status_and_a_refresh_only_plan_the_real_one() {
    let stand_in = started();
    let workspace = applied(&stand_in, &format!("{}{ASSERTION}", both("")));
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    let plan = workspace.plan();
    assert!(!plan.messages().contains("cannot serve its consumer"), "{}", plan.messages());
    plan.insist_warning("new initial sync");
    let refresh = workspace.run(&["plan", "-refresh-only", "-detailed-exitcode", "-no-color", "-input=false"]);
    assert_eq!(refresh.status, 2, "{}", refresh.all());
    assert!(refresh.says(r#""ok" -> "missing""#), "{}", refresh.all());
}

#[test]
fn a_lost_slot() {
    let stand_in = with_table(StandIn::start_with(
        suite(),
        &[
            "--logical",
            "--set",
            "max_slot_wal_keep_size = 1MB",
            "--set",
            "max_wal_size = 32MB",
            "--set",
            "min_wal_size = 32MB",
        ],
    ));
    stand_in.sql("CREATE TABLE filler(x text)");
    let lose = || {
        let lost = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'slot_one'";
        for _ in 0..30 {
            stand_in.sql(
                "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 2000); SELECT pg_switch_wal()",
            );
            stand_in.sql("CHECKPOINT");
            if stand_in.value(lost) == "lost" {
                return;
            }
        }
        panic!("the slot is not lost: {}", stand_in.value(lost));
    };
    is_told_refused_and_cured(&stand_in, lose, "lost");
}

#[test]
fn a_publication_that_was_made_again() {
    let stand_in = started();
    let again = || {
        stand_in.sql_as_owner("DROP PUBLICATION pub_one").expect("dropped");
        stand_in.sql_as_owner("CREATE PUBLICATION pub_one FOR TABLE a").expect("made");
    };
    is_told_refused_and_cured(&stand_in, again, "publication_recreated");
}

#[test]
fn a_publication_that_was_dropped_or_renamed() {
    let stand_in = started();
    for statement in ["DROP PUBLICATION pub_one", "ALTER PUBLICATION pub_one RENAME TO other"] {
        let workspace = applied(&stand_in, &both(""));
        stand_in.sql_as_owner(statement).expect(statement);
        let plan = workspace.plan();
        plan.insist_warning("new initial sync");
        assert_eq!(plan.changes(), ["neonrep_publication.this create", "neonrep_slot.this update"]);
        workspace.refresh();
        assert_eq!(status(&workspace), "publication_missing");
        // The publication is made; the slot is not made again.
        workspace.apply_fails().insist_error("-replace");
        workspace.apply_with(&[REPLACE]);
        // And with both gone again, the destroy works.
        stand_in.sql_as_owner("DROP PUBLICATION pub_one").expect("dropped");
        workspace.destroy();
        assert_eq!(count(&stand_in, "slot_one"), "0");
        stand_in.sql("DROP PUBLICATION IF EXISTS other");
    }
}

#[test]
fn a_publication_that_the_configuration_replaces() {
    let stand_in = started();
    let workspace = applied(&stand_in, &both(""));
    let renamed = |arguments: &str| both(arguments).replace("pub_one", "pub_two");
    workspace.write(&renamed(""));
    for parallelism in [1, 50] {
        workspace.set_parallelism(parallelism);
        let error = workspace.plan_fails().error();
        assert!(error.is_on("publication_id"), "{error:?}");
        for part in ["publication_replaced_behind_slot", "allow_recreate", "pub_one", "slot_one"] {
            assert!(error.text().contains(part), "{part}: {error:?}");
        }
    }
    // By -replace of the publication it is the same.
    workspace.write(&both(""));
    workspace.try_plan(&["-replace=neonrep_publication.this"]).expect_failure().insist_error("allow_recreate");
    // With consent both are replaced, in the right order.
    workspace.write(&renamed("allow_recreate = true"));
    let plan = workspace.plan();
    plan.insist_warning("new initial sync");
    assert_eq!(plan.changes(), ["neonrep_publication.this replace", "neonrep_slot.this replace"]);
    workspace.apply();
    stand_in.sql("INSERT INTO a VALUES (1)");
    assert_eq!(consumer::take(&stand_in, "slot_one", "pub_two").expect("it decodes").len(), 1);

    // By -target the plan does not see the slot; the next one tells.
    workspace.write(&both(""));
    workspace.apply_once(&["-target=neonrep_publication.this"]);
    workspace.plan().insist_warning("new initial sync");
    workspace.destroy();
}

#[test]
fn another_publication_must_be_proved_older() {
    let stand_in = started();
    stand_in.sql_as_owner("CREATE PUBLICATION older FOR TABLE a").expect("made");
    let by_id = |name: &str| {
        let id = stand_in.id_of(name);
        slot("").replace("neonrep_publication.this.id", &format!("{id:?}"))
    };
    let workspace = applied(&stand_in, &both(""));
    workspace.write(&format!("{PUBLICATION}{}", by_id("older")));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["publication_name"], "older");
    // A younger one is there, so the plan lets it pass; what proves nothing is refused by the apply.
    stand_in.sql_as_owner("INSERT INTO a VALUES (1)").expect("a row");
    stand_in.sql_as_owner("CREATE PUBLICATION younger FOR TABLE a").expect("made");
    workspace.write(&format!("{PUBLICATION}{}", by_id("younger")));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("publication_id") && error.text().contains("-replace"), "{error:?}");
    workspace.apply_with(&[REPLACE]);
    // One that is not there is refused at plan, behind an existing slot too.
    workspace.write(&format!("{PUBLICATION}{}", by_id("not_there")));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("publication_id"), "{error:?}");
}

#[test]
fn a_protected_slot_whose_publication_is_gone_can_still_be_let_go() {
    let stand_in = started();
    let workspace = applied(&stand_in, &both("deletion_protection = true"));
    stand_in.sql_as_owner("DROP PUBLICATION pub_one").expect("dropped");
    workspace.try_destroy(&[]).expect_failure().insist_error("deletion_protection");
    workspace.write(&both(""));
    workspace.apply_fails().insist_error("-replace");
    workspace.destroy();
    assert_eq!(count(&stand_in, "slot_one"), "0");
    // What is missing is not protected.
    workspace.write(&both("deletion_protection = true"));
    workspace.apply();
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    workspace.destroy();
}
