//! Who is in the way: open transactions at creation, consumers at destroy, and the user's Ctrl-C.

use std::time::{Duration, Instant};

use super::{PUBLICATION, applied, both, count, started};
use crate::support::consumer::Subscription;
use crate::support::stand_in::StandIn;

#[test]
fn a_slot_in_use_is_waited_for_and_its_consumer_named() {
    let stand_in = started();
    let busy = r#"timeouts = { delete = "4s" }"#;
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
    let workspace = applied(&stand_in, PUBLICATION);
    let session = stand_in.session();
    session.run("SET application_name = 'the one in the way'; BEGIN; INSERT INTO a VALUES (1)").expect("a transaction");
    workspace.write(&both(r#"timeouts = { create = "6s" }"#));
    let error = workspace.apply_fails().error();
    for part in [&format!("process {}", session.pid()), "the one in the way", "No slot was created"] {
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
        let workspace = applied(&stand_in, PUBLICATION);
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
