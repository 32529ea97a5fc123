//! How many connections there are, and what happens when the server gives no more.

use std::time::Duration;

use crate::postgres::{Address, Kind, Passwords, Pool, PoolSettings, SlotName, Tls, Usage, slot};
use futures_util::future::join_all;
use tokio::sync::Barrier;
use tokio::time::{Instant, timeout_at};

use super::{Server, address, soon};
use crate::support::stand_in::StandIn;

const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%neonrep%'";

#[test]
fn writers_work_beside_each_other_and_readers_take_turns() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let read = async || {
        let mut session = server.pool.open(&server.owner, soon(), "testing", Usage::Read).await.unwrap();
        session.read(async |it| it.fetch("SELECT pg_sleep(0.1)::text", &[]).await.map(drop)).await.unwrap();
    };
    server.block_on(join_all((0..3).map(|_| read())));
    assert_eq!(stand_in.value(OURS), "1");
    // Nobody gets past the barrier before four have a session, twice.
    let four = Barrier::new(4);
    let write = async || {
        let session = server.pool.open(&server.owner, soon(), "testing", Usage::Write).await.unwrap();
        timeout_at(soon(), four.wait()).await.expect("four at once");
        drop(session);
    };
    server.block_on(join_all((0..8).map(|_| write())));
    assert_eq!(stand_in.value(OURS), "4", "`max_connections` in all");
}

#[test]
fn one_connection_is_left_for_short_work() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    server.block_on(async {
        let open = |usage, until| server.pool.open(&server.owner, until, "creating a slot", usage);
        let brief = || Instant::now() + Duration::from_millis(200);
        let patient = join_all((0..3).map(|_| open(Usage::Patient, soon()))).await;
        assert!(patient.iter().all(Result::is_ok));
        let error = open(Usage::Patient, brief()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::SessionsBusy);
        assert!(error.message().contains("creating a slot"), "{error}");
        open(Usage::Read, soon()).await.unwrap();
        let single = Pool::new(PoolSettings { max_connections: 1, ..PoolSettings::default() });
        single.open(&server.owner, soon(), "testing", Usage::Patient).await.unwrap();
    });
}

/// Idle connections of other databases are closed, and one of the same database that becomes free is used.
#[test]
fn a_limit_of_the_role_is_lived_with() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let owner = stand_in.ready.owner_role.clone();
    stand_in.sql(&format!("CREATE DATABASE other OWNER {owner}"));
    stand_in.sql(&format!("ALTER ROLE {owner} CONNECTION LIMIT 2"));
    let other = address(&stand_in, &owner, &stand_in.password_of(&owner), "other");
    let work = async |address| {
        let mut session = server.pool.open(address, soon(), "testing", Usage::Write).await.unwrap();
        session.read(async |it| it.fetch("SELECT pg_sleep(0.1)::text", &[]).await.map(drop)).await.unwrap();
    };
    server.block_on(async {
        join_all((0..2).map(|_| work(&other))).await;
        join_all((0..6).map(|_| work(&server.owner))).await;
    });
    // What is left is a limit that others use up.
    let pool = Pool::new(PoolSettings { connect_timeout: Duration::from_secs(5), ..PoolSettings::default() });
    server.block_on(async {
        let held = join_all((0..2).map(|_| server.pool.open(&server.owner, soon(), "testing", Usage::Write))).await;
        let error = pool.open(&server.owner, soon(), "testing", Usage::Write).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooManyConnections, "{error}");
        drop(held);
    });
}

#[test]
fn a_password_is_given_by_scram_alone_with_and_without_tls() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let hba = stand_in.value("SHOW hba_file");
    let before = std::fs::read_to_string(&hba).unwrap();
    let ask = |method: &str| {
        std::fs::write(&hba, format!("host all old all {method}\n{before}")).unwrap();
        let loaded = || stand_in.value("SELECT pg_conf_load_time()");
        let last = loaded();
        stand_in.sql("SELECT pg_reload_conf()");
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while loaded() == last {
            assert!(std::time::Instant::now() < until, "the server does not read its files again");
        }
    };
    stand_in.sql("SET password_encryption = md5; CREATE ROLE old LOGIN REPLICATION PASSWORD 'hunter2'");
    let encrypted = address(&stand_in, "old", "hunter2", &stand_in.ready.database);
    let port = stand_in.superuser("neondb").get_ports()[0];
    let plain = Address { host: "127.0.0.1".to_owned(), port, tls: Tls::Disable, ..encrypted.clone() };
    let unverified = Address { tls: Tls::Require, ..encrypted.clone() };
    let pool = |passwords| Pool::new(PoolSettings { passwords, ..PoolSettings::default() });
    for (method, allowed) in [("md5", "md5"), ("password", "password")] {
        ask(method);
        for old in [&encrypted, &unverified, &plain] {
            server.block_on(async {
                let error = server.pool.open(old, soon(), "testing", Usage::Read).await.unwrap_err();
                assert_eq!(error.kind(), Kind::WeakAuthentication, "{method} {:?}: {error}", old.tls);
                assert!(error.message().contains("which is not accepted"), "{error}");
                let allowing = pool(Passwords::parse(allowed).unwrap());
                allowing.open(old, soon(), "testing", Usage::Read).await.unwrap();
            });
        }
    }
    // A walsender session gives no password away either: only the first connection was allowed to.
    for old in [&encrypted, &plain] {
        ask("trust");
        let opened = server.block_on(server.pool.open(old, soon(), "testing", Usage::Write));
        ask("password");
        let mut session = opened.unwrap();
        let error = server.block_on(session.replicate(&slot::set_failover(&name("s"), true))).unwrap_err();
        assert_eq!(error.kind(), Kind::WeakAuthentication, "{:?}: {error}", old.tls);
    }
}

fn name(name: &str) -> SlotName {
    SlotName::parse(name).unwrap()
}
