//! Slots on real servers: their options and figures by version, and what a rename of their database leaves of them.

use std::future::pending;

use crate::postgres::slot::{self, Identified, NewSlot};
use crate::postgres::{SlotName, Usage, settings, slot_creation};

use super::{Server, address, soon};
use crate::support::stand_in::StandIn;
use crate::support::versions::VERSIONS;

fn name(name: &str) -> SlotName {
    SlotName::parse(name).unwrap()
}

#[test]
fn options_and_figures_are_those_of_the_version() {
    std::thread::scope(|scope| {
        for major in VERSIONS {
            scope.spawn(move || {
                let stand_in = StandIn::start_logical(major);
                let server = Server::of(&stand_in);
                server.block_on(async {
                    let mut session = server.session().await;
                    let failover = major >= 17;
                    let new = NewSlot { name: name("s"), plugin: "pgoutput".to_owned(), two_phase: true, failover };
                    slot_creation::create(&mut session, &new, pending()).await.unwrap();
                    let found = session.read(async |it| slot::read(&it, &name("s")).await).await.unwrap().unwrap();
                    assert!(found.two_phase, "{major}");
                    assert_eq!(found.failover, (major >= 17).then_some(true), "{major}");
                    assert_eq!(found.conflicting.is_some(), major >= 16, "{major}");
                    assert_eq!(found.inactive_since.is_some(), major >= 17, "{major}");
                    assert_eq!(found.two_phase_at.is_some(), major >= 18, "{major}");
                    assert!(found.retained_wal_bytes.is_some() && found.restart_lsn.is_some(), "{major}");
                });
            });
        }
    });
}

#[test]
fn a_slot_is_found_and_dropped_by_the_oid_of_its_database() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let owner = stand_in.ready.owner_role.clone();
    stand_in.sql(&format!("CREATE DATABASE before OWNER {owner}"));
    let of_before = address(&stand_in, &owner, &stand_in.password_of(&owner), "before");
    let oid = server.block_on(async {
        let pool = crate::postgres::Pool::new(crate::postgres::PoolSettings::default());
        let mut session = pool.open(&of_before, soon(), "testing", Usage::Patient).await.unwrap();
        let new = NewSlot { name: name("s"), plugin: "test_decoding".to_owned(), two_phase: false, failover: false };
        slot_creation::create(&mut session, &new, pending()).await.unwrap();
        session.read(async |it| settings::read(&it).await).await.unwrap().database_oid
    });
    stand_in.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'before'");
    stand_in.sql("ALTER DATABASE before RENAME TO after");
    server.block_on(async {
        let mut session = server.session().await;
        let found = session.read(async |it| slot::read(&it, &name("s")).await).await.unwrap().unwrap();
        assert_eq!(found.database.as_ref().map(crate::postgres::DatabaseName::as_str), Some("after"));
        assert_eq!(found.database_oid, Some(oid));
        for (database, plugin, dropped) in
            [(None, "test_decoding", false), (Some(oid), "pgoutput", false), (Some(oid), "test_decoding", true)]
        {
            let which = Identified { plugin, database };
            assert_eq!(slot_creation::drop(&mut session, &name("s"), which, false).await, Ok(dropped), "{which:?}");
        }
    });
}
