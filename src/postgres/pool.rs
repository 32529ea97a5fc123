//! A few connections for all: at most `max_connections`, reused for the life of the process.
//!
//! Readers of one database and role take turns on one connection, since what they read is shared. Writers do not wait for each other while
//! another connection may be opened.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::authentication::Passwords;
use super::connecting;
use super::connection::{Address, Connection};
use super::error::{Error, Kind, Result};
use super::replication;
use super::sql::Statement;
use super::tls::Tls;

/// Limits of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolSettings {
    /// Connections in all, at least 1. Cancel requests are not counted.
    pub(crate) max_connections: usize,
    /// How long to try to connect: covers a compute that wakes up.
    pub(crate) connect_timeout: Duration,
    /// How servers may ask for the password, beside SCRAM.
    pub(crate) passwords: Passwords,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Reads: one at a time for each database and role.
    Read,
    /// Changes that are done at once: beside others as long as connections are left.
    Write,
    /// Work that may wait for others for long, such as the creation of a slot: one connection always stays for short work, unless there is
    /// only one.
    Patient,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { max_connections: 4, connect_timeout: Duration::from_mins(1), passwords: Passwords::default() }
    }
}

/// Hands out sessions. Clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: PoolSettings,
    state: Mutex<State>,
    tls: Mutex<BTreeMap<Tls, Option<Arc<ClientConfig>>>>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Idle>,
    busy: BTreeMap<u64, Holder>,
    waiting: VecDeque<Waiter>,
    last: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    host: String,
    port: u16,
    database: String,
    user: String,
}

#[derive(Debug)]
struct Idle {
    key: Key,
    connection: Connection,
    since: Instant,
}

#[derive(Debug)]
struct Holder {
    key: Key,
    purpose: String,
    since: Instant,
    usage: Usage,
}

#[derive(Debug)]
struct Waiter {
    address: Address,
    purpose: String,
    usage: Usage,
    answer: oneshot::Sender<Permit>,
}

/// The right to have one connection open. It ends when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    shared: Arc<Shared>,
    id: u64,
    address: Address,
    idle: Option<Connection>,
    keep: Option<Connection>,
}

impl Pool {
    /// An empty pool; connects when the first session is asked for.
    pub(crate) fn new(settings: PoolSettings) -> Self {
        let settings = PoolSettings { max_connections: settings.max_connections.max(1), ..settings };
        Self(Arc::new(Shared { settings, state: Mutex::default(), tls: Mutex::default() }))
    }

    /// Waits for a connection of that database and role. `purpose` is shown to those who wait in vain. Errors: `SessionsBusy` at the
    /// deadline.
    pub(super) async fn acquire(
        &self,
        address: &Address,
        deadline: Instant,
        purpose: &str,
        usage: Usage,
    ) -> Result<Permit> {
        let begun = Instant::now();
        let (answer, granted) = oneshot::channel();
        let waiter = Waiter { address: address.clone(), purpose: purpose.to_owned(), usage, answer };
        self.0.state().waiting.push_back(waiter);
        self.0.dispatch();
        match timeout_at(deadline, granted).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.busy(purpose, begun)),
        }
    }

    fn busy(&self, purpose: &str, begun: Instant) -> Error {
        let state = self.0.state();
        let mut message = format!(
            "waited {} s for a database session for {purpose}: at most {} may be open, and these are in use",
            begun.elapsed().as_secs(),
            self.0.settings.max_connections
        );
        for (at, holder) in state.busy.values().enumerate() {
            let colon = if at == 0 { ':' } else { ';' };
            // Writing to a text cannot fail.
            let _ = write!(
                message,
                "{colon} {} (database `{}` as `{}`, for {} s)",
                holder.purpose,
                holder.key.database,
                holder.key.user,
                holder.since.elapsed().as_secs()
            );
        }
        Error::new(Kind::SessionsBusy, message)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves those who wait, first come first served, skipping whom nothing can be given to.
    fn dispatch(self: &Arc<Self>) {
        let mut unclaimed = Vec::new();
        let mut state = self.state();
        let mut at = 0;
        while at < state.waiting.len() {
            if state.waiting[at].answer.is_closed() {
                state.waiting.remove(at);
                continue;
            }
            let key = Key::of(&state.waiting[at].address);
            let usage = state.waiting[at].usage;
            let Some(connection) = state.grant(&key, usage, self.settings.max_connections) else {
                at += 1;
                continue;
            };
            let Some(waiter) = state.waiting.remove(at) else { break };
            state.last += 1;
            let id = state.last;
            let holder = Holder { key, purpose: waiter.purpose, since: Instant::now(), usage };
            state.busy.insert(id, holder);
            let permit = Permit { shared: Arc::clone(self), id, address: waiter.address, idle: connection, keep: None };
            // If nobody waits any more, the permit comes back; dropping it takes the lock, so not here.
            unclaimed.extend(waiter.answer.send(permit).err());
        }
        drop(state);
        drop(unclaimed);
    }

    fn tls(&self, tls: &Tls) -> Result<Option<Arc<ClientConfig>>> {
        let mut known = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known.get(tls) {
            return Ok(config.clone());
        }
        let config = tls.config()?;
        known.insert(tls.clone(), config.clone());
        Ok(config)
    }
}

impl State {
    /// The right to a connection, with one that is open already where there is one; `None` if none may be had now.
    #[expect(clippy::option_option, reason = "not now, now and to be opened, now and open")]
    fn grant(&mut self, key: &Key, usage: Usage, max: usize) -> Option<Option<Connection>> {
        let busy = |usage| self.busy.values().filter(move |it| it.usage == usage);
        let may_begin = match usage {
            Usage::Read => !busy(Usage::Read).any(|it| it.key == *key),
            Usage::Write => true,
            Usage::Patient => max == 1 || busy(Usage::Patient).count() + 1 < max,
        };
        if !may_begin {
            return None;
        }
        if let Some(connection) = self.take_idle(key) {
            return Some(Some(connection));
        }
        if self.idle.len() + self.busy.len() >= max {
            let oldest = self.idle.iter().enumerate().min_by_key(|(_, idle)| idle.since).map(|(at, _)| at)?;
            self.idle.remove(oldest);
        }
        Some(None)
    }

    fn take_idle(&mut self, key: &Key) -> Option<Connection> {
        let at = self.idle.iter().rposition(|it| it.key == *key)?;
        Some(self.idle.remove(at).connection)
    }
}

impl Key {
    fn of(address: &Address) -> Self {
        Self {
            host: address.host.clone(),
            port: address.port,
            database: address.database.as_str().to_owned(),
            user: address.user.as_str().to_owned(),
        }
    }
}

impl Permit {
    pub(super) fn take_idle(&mut self) -> Option<Connection> {
        self.idle.take()
    }

    /// A new connection, or one that has become idle while the server refused a new one. What the server refuses for want of connections
    /// (53300) closes those of ours that are idle.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Connection> {
        let shared = &self.shared;
        let limit = Instant::now().checked_add(shared.settings.connect_timeout);
        let until = limit.map_or(deadline, |limit| limit.min(deadline));
        let tls = shared.tls(&self.address.tls)?;
        let key = Key::of(&self.address);
        let open = || Connection::open(&self.address, tls.clone(), shared.settings.passwords);
        let reuse = || shared.state().take_idle(&key).filter(|it| !it.is_closed());
        let make_room = || {
            // One of this database and role is used instead.
            let needless = |it: &mut Idle| (&it.key.host, it.key.port) == (&key.host, key.port) && it.key != key;
            let closed: Vec<Idle> = shared.state().idle.extract_if(.., needless).collect();
            tracing::debug!(closed = closed.len(), "the server has no more connections");
        };
        // Boxed: a TLS handshake is a future of 18 KiB, which each caller's future would hold.
        Box::pin(connecting::connect(&self.address, until, deadline, open, reuse, make_room)).await
    }

    /// Runs one command of the replication protocol in a session of its own.
    pub(super) async fn replicate(&self, command: &Statement, deadline: Instant) -> Result<()> {
        let tls = self.shared.tls(&self.address.tls)?;
        Box::pin(replication::run(&self.address, tls, self.shared.settings.passwords, command, deadline)).await
    }

    pub(super) fn keep(&mut self, connection: Connection) {
        self.keep = Some(connection);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let connection = self.keep.take().or_else(|| self.idle.take());
        let mut state = self.shared.state();
        let Some(holder) = state.busy.remove(&self.id) else { return };
        if let Some(connection) = connection {
            state.idle.push(Idle { key: holder.key, connection, since: Instant::now() });
        }
        drop(state);
        self.shared.dispatch();
    }
}
