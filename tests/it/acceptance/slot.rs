//! `neonrep_slot`: its life, what is lost behind its back, and who is in the way.

use std::time::{Duration, Instant};

use crate::support::consumer::{self, Subscription};
use crate::support::on_every_postgres;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

const ADDRESS: &str = "neonrep_slot.this";
const REPLACE: &str = "-replace=neonrep_slot.this";

fn publication(name: &str) -> String {
    format!(
        "resource \"neonrep_publication\" \"this\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
         name = {name:?}\n  tables = [{{ name = \"a\" }}]\n}}\n"
    )
}

fn slot(rest: &str) -> String {
    format!(
        "resource \"neonrep_slot\" \"this\" {{\n  publication_id = neonrep_publication.this.id\n  name = \"slot_one\"\n  {rest}\n}}\n"
    )
}

/// A publication and its slot.
fn both(rest: &str) -> String {
    format!("{}{}", publication("pub_one"), slot(rest))
}

fn with_table(stand_in: StandIn) -> StandIn {
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY)").expect("a table");
    stand_in
}

fn started() -> StandIn {
    with_table(StandIn::start_logical(17))
}

fn applied(stand_in: &StandIn, body: &str) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.write(body);
    workspace.apply();
    workspace
}

/// How many slots of that name there are.
fn count(stand_in: &StandIn, name: &str) -> String {
    stand_in.value(&format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}'"))
}

fn status(workspace: &Workspace) -> String {
    workspace.attributes(ADDRESS)["status"].as_str().unwrap_or_default().to_owned()
}

/// The story of every status but `ok`: told, shown as a difference, refused, cured by consent; and a destroy works.
fn is_told_refused_and_cured(stand_in: &StandIn, break_it: impl Fn(), expected: &str) {
    let workspace = applied(stand_in, &both(""));
    break_it();
    let plan = workspace.plan_with(&["-target=neonrep_slot.this"]);
    plan.insist_warning("sync anew");
    workspace.refresh();
    assert_eq!(status(&workspace), expected);
    assert!(workspace.plan().changes().contains(&"neonrep_slot.this update".to_owned()));
    assert!(workspace.plan_text().contains(&format!("{expected:?} -> \"ok\"")), "{}", workspace.plan_text());
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
fn its_life_on_every_postgres() {
    on_every_postgres(|stand_in| {
        stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY)").expect("a table");
        stand_in.settings(&serde_json::json!({"enable_logical_replication": true}));
        stand_in.postgres("restart");
        let workspace = applied(stand_in, &both(""));
        let made = workspace.attributes(ADDRESS);
        assert_eq!(made["id"], stand_in.id_of("slot_one"));
        assert_eq!((&made["slot_name"], &made["publication_name"]), (&"slot_one".into(), &"pub_one".into()));
        assert_eq!((&made["status"], &made["database"]), (&"ok".into(), &"neondb".into()));
        assert_eq!(made["publication_oid"].to_string(), stand_in.value("SELECT oid FROM pg_publication"));
        let figures = "SELECT plugin || ' ' || slot_type || ' ' || database FROM pg_replication_slots WHERE slot_name = 'slot_one'";
        assert_eq!(stand_in.value(figures), "pgoutput logical neondb");

        // What concerns the provider only changes in place.
        workspace.write(&both("deletion_protection = true\n  terminate_consumer = true"));
        assert_eq!(workspace.plan().changes(), ["neonrep_slot.this update"]);
        workspace.apply();
        workspace.try_destroy(&[]).expect_failure().insist_error("deletion_protection");
        workspace.apply_fails_with(&[REPLACE]).insist_error("deletion_protection");
        assert_eq!(count(stand_in, "slot_one"), "1");
        workspace.write(&both(""));
        workspace.apply();

        // Import with the publication is complete; without it the first apply takes it over in place.
        let (alone, whole) = (stand_in.id_of("slot_one"), stand_in.id_of("slot_one/pub_one"));
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &whole).expect_success();
        workspace.insist_on_empty_plan();
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &alone).expect_success();
        assert_eq!(workspace.plan().changes(), ["neonrep_slot.this update"]);
        workspace.apply();
        assert_eq!(workspace.attributes(ADDRESS)["publication_oid"], made["publication_oid"]);

        workspace.destroy();
        assert_eq!(count(stand_in, "slot_one"), "0");
    });
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

#[test]
fn a_lost_slot() {
    let stand_in = with_table(StandIn::start_with(
        17,
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
        plan.insist_warning("sync anew");
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
    let renamed = |rest: &str| format!("{}{}", publication("pub_two"), slot(rest));
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
    plan.insist_warning("sync anew");
    assert_eq!(plan.changes(), ["neonrep_publication.this replace", "neonrep_slot.this replace"]);
    workspace.apply();
    stand_in.sql("INSERT INTO a VALUES (1)");
    assert_eq!(consumer::take(&stand_in, "slot_one", "pub_two").expect("it decodes").len(), 1);

    // By -target the plan does not see the slot; the next one tells.
    workspace.write(&both(""));
    workspace.apply_once(&["-target=neonrep_publication.this"]);
    workspace.plan().insist_warning("sync anew");
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
    let workspace = applied(&stand_in, &format!("{}{}", publication("pub_one"), slot("")));
    workspace.write(&format!("{}{}", publication("pub_one"), by_id("older")));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["publication_name"], "older");
    // A younger one is there, so the plan lets it pass; what proves nothing is refused by the apply.
    stand_in.sql_as_owner("INSERT INTO a VALUES (1)").expect("a row");
    stand_in.sql_as_owner("CREATE PUBLICATION younger FOR TABLE a").expect("made");
    workspace.write(&format!("{}{}", publication("pub_one"), by_id("younger")));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("publication_id") && error.text().contains("-replace"), "{error:?}");
    workspace.apply_with(&[REPLACE]);
    // One that is not there is refused at plan, behind an existing slot too.
    workspace.write(&format!("{}{}", publication("pub_one"), by_id("not_there")));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("publication_id"), "{error:?}");
}

#[test]
fn names_that_slots_do_not_take() {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    let long = "s".repeat(64);
    for (name, says) in
        [("Slot", "lower case"), ("a-b", "lower case"), ("", "empty"), (long.as_str(), "63"), ("ü", "lower case")]
    {
        workspace.write(&both("").replace("slot_one", name));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("name") && error.text().contains(says), "{name}: {error:?}");
    }
    let longest = "s".repeat(63);
    workspace.write(&both("").replace("slot_one", &longest));
    workspace.apply();
    assert_eq!(count(&stand_in, &longest), "1");
}

#[test]
fn a_name_that_is_taken() {
    let stand_in = started();
    stand_in.sql("SELECT pg_create_logical_replication_slot('slot_one', 'test_decoding')");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&both(""));
    let error = workspace.apply_fails().error();
    assert!(error.is_on("name"), "{error:?}");
    for part in ["already exists", "test_decoding", "create_before_destroy"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(count(&stand_in, "slot_one"), "1");
    let refused = workspace.import(ADDRESS, &stand_in.id_of("slot_one/pub_one"));
    assert!(refused.status != 0 && refused.says("test_decoding"), "{}", refused.all());
    // Two resources of one name: one is made, the other says so.
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one')");
    workspace.write(&format!("{}{}", both(""), slot("").replace("\"this\"", "\"other\"")));
    workspace.apply_fails().insist_error("already exists");
    assert_eq!(count(&stand_in, "slot_one"), "1");
    // Somebody else's slot of the name is left alone by a destroy.
    workspace.write(&both(""));
    stand_in.sql("SELECT pg_drop_replication_slot('slot_one'); SELECT pg_create_logical_replication_slot('slot_one', 'test_decoding')");
    workspace.plan().insist_warning("missing");
    workspace.destroy().insist_warning("left alone");
    assert_eq!(count(&stand_in, "slot_one"), "1");
}

#[test]
fn a_slot_in_use_is_waited_for_and_its_consumer_named() {
    let stand_in = started();
    let busy = "timeouts = { delete = \"4s\" }";
    let workspace = applied(&stand_in, &both(busy));
    let consumer = Subscription::attach(&stand_in, "slot_one", "pub_one", "CREATE TABLE a(id int PRIMARY KEY)");
    let error = workspace.try_destroy(&[]).expect_failure().error();
    for part in ["in use", &format!("process {}", consumer.pid()), "it_subscription", "terminate_consumer"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(count(&stand_in, "slot_one"), "1");
    consumer.detach();
    workspace.destroy();
    assert_eq!(count(&stand_in, "slot_one"), "0");
}

#[test]
fn a_consumer_is_ended_on_request() {
    let stand_in = started();
    // The consumer of the tests is a superuser's; only one of these may end it.
    stand_in.sql("ALTER ROLE neondb_owner SUPERUSER");
    let workspace = applied(&stand_in, &both("terminate_consumer = true"));
    let _consumer = Subscription::attach(&stand_in, "slot_one", "pub_one", "CREATE TABLE a(id int PRIMARY KEY)");
    workspace.destroy();
    assert_eq!(count(&stand_in, "slot_one"), "0");
}

#[test]
fn an_open_transaction_is_named_and_no_slot_appears_later() {
    let stand_in = started();
    let workspace = applied(&stand_in, &publication("pub_one"));
    let session = stand_in.session();
    session.run("SET application_name = 'the one in the way'; BEGIN; INSERT INTO a VALUES (1)").expect("a transaction");
    workspace.write(&both("timeouts = { create = \"6s\" }"));
    let error = workspace.apply_fails().error();
    for part in [&format!("process {}", session.pid()), "the one in the way", "No slot was made"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert_eq!(workspace.addresses(), ["neonrep_publication.this"]);
    session.run("COMMIT").expect("a commit");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(count(&stand_in, "slot_one"), "0");
    workspace.apply();
}

/// Waits until the server makes the slot, which an open transaction holds up.
fn until_it_is_being_made(stand_in: &StandIn) {
    let until = Instant::now() + Duration::from_secs(30);
    while count(stand_in, "slot_one") != "1" {
        assert!(Instant::now() < until, "nobody makes the slot");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn interrupt(child: &std::process::Child) {
    let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGINT).expect("a signal");
}

#[test]
fn ctrl_c_while_a_slot_is_made_leaves_none_behind() {
    for times in [1, 2] {
        let stand_in = started();
        let workspace = applied(&stand_in, &publication("pub_one"));
        let session = stand_in.session();
        session.run("BEGIN; INSERT INTO a VALUES (1)").expect("a transaction");
        workspace.write(&both(""));
        let child = workspace.start(&["apply", "-json", "-auto-approve"]);
        until_it_is_being_made(&stand_in);
        for _ in 0..times {
            interrupt(&child);
            std::thread::sleep(Duration::from_millis(300));
        }
        workspace.finish_child(child).expect_failure();
        session.run("COMMIT").expect("a commit");
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(count(&stand_in, "slot_one"), "0", "after {times} times Ctrl-C");
        assert!(workspace.addresses().contains(&"neonrep_publication.this".to_owned()));
        workspace.apply();
        workspace.destroy();
    }
}

#[test]
fn create_before_destroy_meets_its_own_name() {
    let stand_in = started();
    let body = |name: &str| both("lifecycle { create_before_destroy = true }").replace("slot_one", name);
    let workspace = applied(&stand_in, &body("slot_one"));
    workspace.apply_fails_with(&[REPLACE]).insist_error("create_before_destroy");
    assert_eq!(count(&stand_in, "slot_one"), "1");
    workspace.write(&body("slot_two"));
    workspace.apply();
    assert_eq!((count(&stand_in, "slot_one").as_str(), count(&stand_in, "slot_two").as_str()), ("0", "1"));
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

#[test]
fn slots_and_replication_that_run_out_are_warned_of() {
    let stand_in = with_table(StandIn::start_with(17, &["--logical", "--set", "max_replication_slots = 2"]));
    let workspace = applied(&stand_in, &publication("pub_one"));
    workspace.write(&both(""));
    // Neon's own slot takes the other place.
    stand_in.sql("SELECT pg_create_physical_replication_slot('one')");
    workspace.plan().insist_warning("slots_nearly_used_up");
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("in use"), "{error:?}");
    stand_in.sql("SELECT pg_drop_replication_slot('one')");
    workspace.apply();

    let off = with_table(StandIn::start(17));
    let workspace = applied(&off, &publication("pub_one"));
    workspace.write(&both(""));
    workspace.plan().insist_warning("logical_replication_on");
    workspace.apply_fails().insist_error("Logical replication is off");
}
