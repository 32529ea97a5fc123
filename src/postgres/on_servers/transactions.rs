//! What a transaction costs, and how it ends.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::postgres::acl::{self, Scope};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::publication::{Definition, Operation};
use crate::postgres::{
    Address, Kind, PublicationName, RoleName, SchemaName, Stop, TableName, Usage, advisory_lock, publication,
    replica_identity, table,
};
use futures_util::future::try_join;
use serde_json::json;
use tokio::time::Instant;

use super::{Never, Server, definition, error_of, soon};
use crate::support::stand_in::StandIn;

fn name(name: &str) -> PublicationName {
    PublicationName::parse(name).unwrap()
}

#[test]
fn a_change_takes_three_round_trips_and_a_delete_two() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)").unwrap();
    stand_in.sql("CREATE ROLE reader");
    let cost = Mutex::new((0, 0));
    let trips = |now: (u64, u64)| {
        let mut before = cost.lock().unwrap();
        let spent = now.1 - before.1;
        *before = now;
        spent
    };
    let (p, want) = (name("p"), definition(&["a"]));
    let listed = BTreeSet::from([TableName::parse("public", "a").unwrap()]);
    let scope = Scope {
        role: RoleName::parse("reader").unwrap(),
        schemas: BTreeSet::from([SchemaName::parse("public").unwrap()]),
        tables: BTreeSet::new(),
        oids: BTreeSet::new(),
    };
    let spent = server.block_on(async {
        let mut session = server.session().await;
        trips(session.read(async |it| Ok(it.traffic())).await.unwrap());

        let create = async |tx: crate::postgres::Tx| {
            let (found, _) = try_join(publication::read(&tx, &p), table::read(&tx, &listed)).await?;
            assert!(found.is_none());
            let (_, made) = tx.run_and(&publication::create(&p, &want), publication::read(&tx, &p)).await?;
            Ok::<_, Never>(made.unwrap())
        };
        session.settled(create).await.unwrap();
        let of_create = trips(session.read(async |it| Ok(it.traffic())).await.unwrap());

        let update = async |tx: crate::postgres::Tx| {
            let have = publication::read(&tx, &p).await?.unwrap();
            tx.run_and(&publication::alter(&have, &definition(&["a", "b"])), publication::read(&tx, &p)).await?;
            Ok::<_, Never>(())
        };
        session.settled(update).await.unwrap();
        let of_update = trips(session.read(async |it| Ok(it.traffic())).await.unwrap());

        let grant = async |tx: crate::postgres::Tx| {
            let owners = BTreeSet::new();
            let lock = advisory_lock::take();
            let (_, found) = tx.run_and(&lock, acl::read(&tx, &scope, &owners)).await?;
            let found = found.unwrap();
            let wanted = found.wanted(&scope, &[TablePrivilege::Select].into(), &owners);
            let statements = acl::grant(&scope.role, &found.missing(&wanted));
            let (_, now) = tx.run_and(&statements, acl::read(&tx, &scope, &owners)).await?;
            assert!(now.unwrap().missing(&wanted).is_empty());
            Ok::<_, Never>(())
        };
        session.settled(grant).await.unwrap();
        let of_grant = trips(session.read(async |it| Ok(it.traffic())).await.unwrap());

        let delete = async |tx: crate::postgres::Tx| {
            if publication::read(&tx, &p).await?.is_some() {
                tx.at_commit(publication::drop(&p));
            }
            Ok::<_, Never>(())
        };
        session.settled(delete).await.unwrap();
        let of_delete = trips(session.read(async |it| Ok(it.traffic())).await.unwrap());
        [of_create, of_update, of_grant, of_delete]
    });
    assert_eq!(spent, [3, 3, 3, 2], "create, update, grant, delete");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn what_fails_or_is_refused_is_rolled_back() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    server.block_on(async {
        let mut session = server.session().await;
        let refused = session
            .settled(async |tx| {
                tx.run(&publication::create(&name("refused"), &definition(&[]))).await?;
                tx.at_commit(publication::create(&name("late"), &definition(&[])));
                Err::<(), _>(Stop::Refused("no"))
            })
            .await;
        assert_eq!(refused, Err(Stop::Refused("no")));
        // The statement that goes with COMMIT fails: the one before it is not committed either.
        let failed = session
            .settled(async |tx| {
                tx.run(&publication::create(&name("first"), &definition(&[]))).await?;
                tx.at_commit(
                    [publication::drop(&name("nothing")), publication::create(&name("x"), &definition(&[]))].concat(),
                );
                Ok::<_, Never>(())
            })
            .await;
        let error = failed.map_err(error_of).unwrap_err();
        assert_eq!(error.kind(), Kind::UndefinedObject, "{error}");
        assert_eq!(error.statement(), Some("DROP PUBLICATION \"nothing\""));
        // An error that the work does not pass on ends the transaction as well.
        let swallowed = session
            .settled(async |tx| {
                let _ = tx.run(&publication::drop(&name("nothing"))).await;
                Ok::<_, Never>(())
            })
            .await;
        assert_eq!(swallowed.map_err(error_of).unwrap_err().kind(), Kind::UndefinedObject);
    });
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn a_commit_with_a_read_takes_two_round_trips_and_is_all_or_nothing() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let (p, q) = (name("p"), name("q"));
    server.block_on(async {
        let mut session = server.session().await;
        let before = session.read(async |it| Ok(it.traffic().1)).await.unwrap();
        let found = session
            .settled(async |tx| {
                assert!(publication::read(&tx, &p).await?.is_none());
                let statements = publication::create(&p, &definition(&[]));
                Ok::<_, Never>(tx.commit(&statements, publication::read(&tx, &p)).await?)
            })
            .await;
        assert!(found.map_err(error_of).unwrap().is_some(), "it reads what the statements did");
        assert_eq!(session.read(async |it| Ok(it.traffic().1)).await.unwrap() - before, 2);
        // The second statement fails: the first one is not committed, and the session is as good as before.
        let failed = session
            .settled(async |tx| {
                let statements =
                    [publication::create(&q, &definition(&[])), publication::drop(&name("nothing"))].concat();
                Ok::<_, Never>(tx.commit(&statements, publication::read(&tx, &q)).await?)
            })
            .await;
        let error = failed.map_err(error_of).unwrap_err();
        assert_eq!(error.kind(), Kind::UndefinedObject, "{error}");
        assert_eq!(error.statement(), Some("DROP PUBLICATION \"nothing\""));
        let q_now = session.read(async |it| publication::read(&it, &q).await).await.unwrap();
        assert!(q_now.is_none());
    });
    assert_eq!(stand_in.value("SELECT string_agg(pubname, ',') FROM pg_publication"), "p");
}

#[test]
fn on_a_standby_the_work_ends_where_begin_fails() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    let ready = &stand_in.ready;
    let body = json!({ "endpoint": { "branch_id": ready.branch_id, "type": "read_only" } });
    let (_, added) = stand_in.api("POST", &format!("/projects/{}/endpoints", ready.project_id), Some(&body));
    let host = added["endpoint"]["host"].as_str().expect("a host");
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let standby = Address { port, ..server.owner.clone() };
    server.block_on(async {
        let mut session = server.pool.open(&standby, soon(), "testing", Usage::Write).await.unwrap();
        let went_on = AtomicU32::new(0);
        let done = session
            .settled(async |tx| {
                publication::read(&tx, &name("p")).await?;
                went_on.fetch_add(1, Ordering::Relaxed);
                tx.run(&publication::create(&name("p"), &definition(&[]))).await?;
                Ok::<_, Never>(())
            })
            .await;
        let error = done.map_err(error_of).unwrap_err();
        assert_eq!((error.kind(), error.sqlstate()), (Kind::ReadOnlyServer, Some("0A000")), "{error}");
        // The server is in no transaction: a statement would not be rolled back.
        assert_eq!(went_on.into_inner(), 0);
        assert!(session.read(async |it| publication::read(&it, &name("p")).await).await.unwrap().is_none());
    });
}

#[test]
fn a_lock_that_cannot_be_had_names_who_holds_it() {
    let stand_in = StandIn::start_logical(17);
    let server = Server::of(&stand_in);
    stand_in.sql_as_owner("CREATE TABLE t(id int PRIMARY KEY); CREATE PUBLICATION p").unwrap();
    let holder = stand_in.session();
    holder.run("SET application_name = 'nightly job'; BEGIN; ALTER PUBLICATION p SET (publish = 'update'); LOCK TABLE t IN ROW EXCLUSIVE MODE; SELECT pg_advisory_xact_lock(1852990832, oid::int8::bit(32)::int4) FROM pg_database WHERE datname = current_database()").unwrap();
    let table = TableName::parse("public", "t").unwrap();
    server.block_on(async {
        let until = Instant::now() + Duration::from_secs(9);
        let mut session = server.pool.open(&server.owner, until, "testing", Usage::Write).await.unwrap();
        let attempts = AtomicU32::new(0);
        let full = replica_identity::alter(&table, &replica_identity::Mode::Default, &replica_identity::Mode::Full);
        let done = session
            .settled(async |tx| {
                attempts.fetch_add(1, Ordering::Relaxed);
                tx.run(&full).await?;
                Ok::<_, Never>(())
            })
            .await;
        let error = done.map_err(error_of).unwrap_err();
        assert_eq!(error.kind(), Kind::LockNotAvailable, "{error}");
        assert!(attempts.load(Ordering::Relaxed) >= 2, "{attempts:?}");
        let said = error.to_string();
        assert!(said.contains("application `nightly job`: RowExclusiveLock on table public.t"), "{said}");
        session.allow(Duration::from_secs(9));
        let done = session
            .settled(async |tx| {
                tx.run(&advisory_lock::take()).await?;
                Ok::<_, Never>(())
            })
            .await;
        let said = done.map_err(error_of).unwrap_err().to_string();
        assert!(said.contains("application `nightly job`: ExclusiveLock on the advisory lock of grants"), "{said}");
        // Two changes of one row of the catalogue: the lock is not in `pg_locks` as one of the publication.
        session.allow(Duration::from_secs(9));
        let narrow = Definition { publish: [Operation::Insert].into(), ..definition(&[]) };
        let have = session.read(async |it| publication::read(&it, &name("p")).await).await.unwrap().unwrap();
        let done = session
            .settled(async |tx| {
                tx.run(&publication::alter(&have, &narrow)).await?;
                Ok::<_, Never>(())
            })
            .await;
        let error = done.map_err(error_of).unwrap_err();
        assert_eq!(error.kind(), Kind::LockNotAvailable, "{error}");
        assert!(
            error.to_string().contains("of role `cloud_admin` in database `neondb`, application `nightly job`"),
            "{error}"
        );
    });
    drop(holder);
}
