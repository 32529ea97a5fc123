//! What Postgres 14 to 18 do with a slot whose publication came later, went or changed: the reason why the provider enforces an order.
//!
//! `pgoutput` looks publications up in the catalogue as of the change that it decodes (`get_rel_sync_entry` and `LoadPublications` in
//! `src/backend/replication/pgoutput/pgoutput.c`). Up to 17 a missing one is an error at every attempt, from 18 on a warning.

use crate::support::consumer::{self, Change, Subscription};
use crate::support::on_every_logical_postgres;
use crate::support::sql::literal;
use crate::support::stand_in::StandIn;

/// From 18 on, `pgoutput` skips a publication that it does not find.
fn skips_missing(stand_in: &StandIn) -> bool {
    stand_in.value("SELECT current_setting('server_version_num')::int >= 180000") == "t"
}

fn create_slot(stand_in: &StandIn) {
    stand_in.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
}

fn insert(stand_in: &StandIn, value: i32) {
    stand_in.sql(&format!("INSERT INTO t VALUES ({value})"));
}

/// The tables `t` and `u` are new, and nothing else is there.
fn fresh(stand_in: &StandIn) {
    stand_in.sql(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
         DROP PUBLICATION IF EXISTS p; DROP PUBLICATION IF EXISTS q; DROP TABLE IF EXISTS t, u;
         CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)",
    );
}

/// The slot does not come past a change: each attempt fails in the same way, and the change is kept.
fn insist_stuck(stand_in: &StandIn, publication: &str) {
    for _ in 0..2 {
        let error = consumer::take(stand_in, "s", publication).expect_err("the slot is stuck");
        assert!(error.contains(&format!("publication \"{publication}\" does not exist")), "{error}");
        assert!(error.contains("42704"), "{error}");
    }
}

fn rows(changes: &[Change]) -> Vec<String> {
    let first = |it: &Change| it.values.first().cloned().flatten().unwrap_or_default();
    changes.iter().map(|it| format!("{} {}", it.table, first(it))).collect()
}

/// What the consumer receives, where it receives something.
fn insist_receives(stand_in: &StandIn, publication: &str, expected: &[&str]) {
    assert_eq!(rows(&consumer::take(stand_in, "s", publication).expect("changes")), expected);
}

/// Stuck up to 17; from 18 on the consumer receives this, and no more.
fn insist_stuck_or_receives(stand_in: &StandIn, publication: &str, expected: &[&str]) {
    if skips_missing(stand_in) {
        insist_receives(stand_in, publication, expected);
    } else {
        insist_stuck(stand_in, publication);
    }
}

const CREATE: &str = "CREATE PUBLICATION p FOR TABLE t";

#[test]
fn a_slot_before_its_publication_is_stuck_up_to_17_and_loses_changes_on_18() {
    on_every_logical_postgres(|stand_in| {
        fresh(stand_in);
        create_slot(stand_in);
        insert(stand_in, 1);
        stand_in.sql(CREATE);
        insert(stand_in, 2);
        insist_stuck_or_receives(stand_in, "p", &["public.t 2"]);
        // Past the creation of the publication the slot works again, and what was before is lost.
        stand_in.sql("SELECT pg_replication_slot_advance('s', pg_current_wal_lsn())");
        insert(stand_in, 3);
        insist_receives(stand_in, "p", &["public.t 3"]);

        // A change of any table is enough.
        fresh(stand_in);
        create_slot(stand_in);
        stand_in.sql("INSERT INTO u VALUES (1)");
        stand_in.sql(CREATE);
        insert(stand_in, 1);
        insist_stuck_or_receives(stand_in, "p", &["public.t 1"]);

        // Without one nothing is amiss: this is why the fault looks like chance.
        fresh(stand_in);
        create_slot(stand_in);
        stand_in.sql(CREATE);
        insert(stand_in, 1);
        insist_receives(stand_in, "p", &["public.t 1"]);

        // The right order.
        fresh(stand_in);
        stand_in.sql(CREATE);
        create_slot(stand_in);
        insert(stand_in, 1);
        insist_receives(stand_in, "p", &["public.t 1"]);
    });
}

#[test]
fn a_publication_may_be_recreated_in_one_transaction_alone() {
    on_every_logical_postgres(|stand_in| {
        let begin = || {
            fresh(stand_in);
            stand_in.sql(CREATE);
            create_slot(stand_in);
            insert(stand_in, 1);
        };
        begin();
        stand_in.sql("DROP PUBLICATION p");
        insert(stand_in, 2);
        stand_in.sql(CREATE);
        insert(stand_in, 3);
        insist_stuck_or_receives(stand_in, "p", &["public.t 1", "public.t 3"]);

        begin();
        stand_in.sql(&format!("BEGIN; DROP PUBLICATION p; {CREATE}; COMMIT"));
        insert(stand_in, 2);
        insist_receives(stand_in, "p", &["public.t 1", "public.t 2"]);

        // Under another name there are changes that neither name has.
        begin();
        stand_in.sql("ALTER PUBLICATION p RENAME TO q");
        insert(stand_in, 2);
        if skips_missing(stand_in) {
            let peeked = |name: &str| rows(&consumer::peek(stand_in, "s", name).expect("changes"));
            assert_eq!((peeked("p"), peeked("q")), (vec!["public.t 1".to_owned()], vec!["public.t 2".to_owned()]));
        } else {
            insist_stuck(stand_in, "p");
            insist_stuck(stand_in, "q");
        }

        // Of two names, one that is missing stops both.
        begin();
        let both = "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('s', NULL, NULL, 'proto_version', '1', 'publication_names', 'p,missing')
                    WHERE get_byte(data, 0) = ascii('I')";
        let found = stand_in.session().run(both);
        match found {
            Ok(rows) => assert_eq!((crate::support::sql::single(&rows).as_str(), skips_missing(stand_in)), ("1", true)),
            Err(error) => assert_eq!((error.state.as_str(), skips_missing(stand_in)), ("42704", false)),
        }
    });
}

#[test]
fn a_table_that_is_added_is_sent_from_there_on() {
    on_every_logical_postgres(|stand_in| {
        fresh(stand_in);
        stand_in.sql(CREATE);
        create_slot(stand_in);
        stand_in.sql("INSERT INTO u VALUES (1)");
        stand_in.sql("ALTER PUBLICATION p ADD TABLE u");
        stand_in.sql("INSERT INTO u VALUES (2)");
        insist_receives(stand_in, "p", &["public.u 2"]);
    });
}

#[test]
fn a_consumer_outlives_its_publication_from_18_on() {
    on_every_logical_postgres(|stand_in| {
        fresh(stand_in);
        stand_in.sql(CREATE);
        create_slot(stand_in);
        let consumer = Subscription::attach(stand_in, "s", "p", "CREATE TABLE t (id int PRIMARY KEY)");
        insert(stand_in, 1);
        consumer.wait_for("SELECT count(*) FROM t", "1");
        let process = consumer.pid();
        stand_in.sql("DROP PUBLICATION p");
        insert(stand_in, 2);
        if skips_missing(stand_in) {
            let past =
                "SELECT confirmed_flush_lsn >= pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = 's'";
            crate::provider::until(stand_in, past, "t");
            assert_eq!(consumer.pid(), process, "it stays connected");
        } else {
            let is_another =
                format!("SELECT active_pid IS DISTINCT FROM {process} FROM pg_replication_slots WHERE slot_name = 's'");
            crate::provider::until(stand_in, &is_another, "t");
            stand_in.sql(CREATE);
            let held =
                "SELECT confirmed_flush_lsn < pg_current_wal_lsn() FROM pg_replication_slots WHERE slot_name = 's'";
            assert_eq!(stand_in.value(held), "t", "a new publication of that name does not help");
        }
        consumer.wait_for("SELECT count(*) FROM t", "1");
        consumer.detach();
    });
}

#[test]
fn a_slot_is_created_outside_of_transactions_and_waits_for_those_that_write() {
    on_every_logical_postgres(|stand_in| {
        fresh(stand_in);
        let create = "SELECT pg_create_logical_replication_slot('s', 'pgoutput')";
        let count = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's'";
        let error =
            stand_in.session().run(&format!("BEGIN; CREATE TABLE w (i int); {create}; COMMIT")).expect_err("refused");
        assert_eq!((error.state.as_str(), stand_in.value(count).as_str()), ("25001", "0"));
        // What is rolled back stays.
        stand_in.sql(&format!("BEGIN; {create}; ROLLBACK"));
        assert_eq!(stand_in.value(count), "1");
        stand_in.sql("SELECT pg_drop_replication_slot('s')");

        let writer = stand_in.session();
        writer.run("BEGIN; INSERT INTO t VALUES (1)").expect("a row");
        let error =
            stand_in.session().run(&format!("SET statement_timeout = {}; {create}", literal("1s"))).expect_err("waits");
        assert_eq!((error.state.as_str(), stand_in.value(count).as_str()), ("57014", "0"));
        writer.run("ROLLBACK").expect("the end");
        create_slot(stand_in);
        assert_eq!(stand_in.value(count), "1");
    });
}
