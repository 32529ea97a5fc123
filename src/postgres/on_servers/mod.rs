//! `crate::postgres` alone, against real servers: what the catalogue, the sessions and the statements do on 14 to 18.

mod identities;
mod pools;
mod privileges;
mod publications;
mod sessions;
mod slots;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use crate::postgres::publication::{Definition, Listing, Operation, Wish};
use crate::postgres::{
    Address, Changes, Connection, DatabaseName, Error, Pool, PoolSettings, Result, RoleName, Roots, Session, Stop,
    TableName, Tls, Usage,
};
use crate::secret::Secret;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::support::stand_in::StandIn;

/// The way into the stand-in's server, and the runtime that its futures run on.
struct Server<'a> {
    stand_in: &'a StandIn,
    /// Of one thread: what a future sends while it is polled once is sent before any of it can be answered. So round trips are
    /// counted the same however busy the machine is.
    runtime: Runtime,
    pool: Pool,
    /// The owner of the project's database, with TLS, as the provider connects.
    owner: Address,
}

impl<'a> Server<'a> {
    fn of(stand_in: &'a StandIn) -> Self {
        let ready = &stand_in.ready;
        let owner = address(stand_in, &ready.owner_role, &stand_in.password_of(&ready.owner_role), &ready.database);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { stand_in, runtime, pool: Pool::new(PoolSettings::default()), owner }
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// A session of the owner.
    async fn session(&self) -> Session {
        self.pool.open(&self.owner, soon(), "testing", Usage::Read).await.unwrap()
    }

    /// What one read of the owner gives.
    fn read<T, F: Future<Output = Result<T>>>(&self, reads: impl Fn(Arc<Connection>) -> F) -> T {
        self.block_on(async { self.session().await.read(reads).await.unwrap() })
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn address(stand_in: &StandIn, role: &str, password: &str, database: &str) -> Address {
    let ready = &stand_in.ready;
    Address {
        host: ready.host.clone(),
        port: ready.port,
        database: DatabaseName::parse(database).unwrap(),
        user: RoleName::parse(role).unwrap(),
        password: Some(Secret::new(password)),
        tls: Tls::VerifyFull(Roots::read(&ready.sslrootcert).unwrap()),
        changes: Changes::default(),
    }
}

/// A publication of these tables of `public`, all else by default or as it is found.
fn definition(tables: &[&str]) -> Definition {
    Definition {
        tables: tables.iter().map(|it| (TableName::parse("public", it).unwrap(), Listing::default())).collect(),
        schemas: Wish::AsFound,
        all_tables: false,
        publish: Operation::ALL.into(),
        via_partition_root: false,
        generated_columns: Wish::AsFound,
    }
}

/// Work that refuses nothing.
type Never = Stop<std::convert::Infallible>;

/// The error of work that refuses nothing.
fn error_of(stop: Never) -> Error {
    match stop {
        Stop::Server(error) => error,
        Stop::Refused(never) => match never {},
    }
}
