//! A few connections for all: at most `max_connections`, one per database and role, reused for the life of the process.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::connection::{Address, Connection};
use super::error::{Error, Kind, Result};
use super::replication;
use super::sql::Statement;
use super::tls::Tls;

/// Limits of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections in all, at least 1. Cancel requests are not counted.
    pub max_connections: usize,
    /// How long to try to connect: covers a compute that wakes up.
    pub connect_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { max_connections: 4, connect_timeout: Duration::from_mins(1) }
    }
}

/// Hands out sessions. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: PoolSettings,
    state: Mutex<State>,
    tls: Mutex<BTreeMap<Tls, Option<Arc<ClientConfig>>>>,
}

#[derive(Debug, Default)]
struct State {
    idle: BTreeMap<Key, Idle>,
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
    connection: Connection,
    since: Instant,
}

#[derive(Debug)]
struct Holder {
    key: Key,
    purpose: String,
    since: Instant,
    extra: bool,
}

#[derive(Debug)]
struct Waiter {
    address: Address,
    purpose: String,
    extra: bool,
    answer: oneshot::Sender<Permit>,
}

/// The right to have one connection open. Given back when dropped.
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
    pub fn new(settings: PoolSettings) -> Self {
        let settings = PoolSettings { max_connections: settings.max_connections.max(1), ..settings };
        Self(Arc::new(Shared { settings, state: Mutex::default(), tls: Mutex::default() }))
    }

    /// Waits for the connection of that database and role; `extra`: for one beside it, if one is free. `purpose` is
    /// shown to those who wait in vain. Errors: `SessionsBusy` at the deadline.
    pub(super) async fn acquire(
        &self,
        address: &Address,
        deadline: Instant,
        purpose: &str,
        extra: bool,
    ) -> Result<Permit> {
        let begun = Instant::now();
        let (answer, granted) = oneshot::channel();
        let waiter = Waiter { address: address.clone(), purpose: purpose.to_owned(), extra, answer };
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
            let wants_extra = state.waiting[at].extra;
            let Some(grant) = state.grant(&key, wants_extra, self.settings.max_connections) else {
                at += 1;
                continue;
            };
            let Some(waiter) = state.waiting.remove(at) else { break };
            state.last += 1;
            let id = state.last;
            let holder = Holder { key, purpose: waiter.purpose, since: Instant::now(), extra: grant.extra };
            state.busy.insert(id, holder);
            let permit =
                Permit { shared: Arc::clone(self), id, address: waiter.address, idle: grant.connection, keep: None };
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

struct Grant {
    connection: Option<Connection>,
    extra: bool,
}

impl State {
    fn grant(&mut self, key: &Key, wants_extra: bool, max: usize) -> Option<Grant> {
        let extras = self.busy.values().filter(|it| it.extra).count();
        // One session always stays for the short work.
        let extra = wants_extra && extras + 1 < max;
        if !extra && self.busy.values().any(|it| !it.extra && it.key == *key) {
            return None;
        }
        if let Some(idle) = self.idle.remove(key) {
            return Some(Grant { connection: Some(idle.connection), extra });
        }
        if self.idle.len() + self.busy.len() >= max {
            let oldest = self.idle.iter().min_by_key(|(_, idle)| idle.since).map(|(key, _)| key.clone())?;
            self.idle.remove(&oldest);
        }
        Some(Grant { connection: None, extra })
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

    pub(super) async fn connect(&self, deadline: Instant) -> Result<Connection> {
        let limit = Instant::now().checked_add(self.shared.settings.connect_timeout);
        let until = limit.map_or(deadline, |limit| limit.min(deadline));
        // Boxed: a TLS handshake is a future of 18 KiB, which each caller's future would hold.
        Box::pin(Connection::open(&self.address, self.shared.tls(&self.address.tls)?, until)).await
    }

    /// Runs one command of the replication protocol in a session of its own.
    pub(super) async fn replicate(&self, command: &Statement, deadline: Instant) -> Result<()> {
        let tls = self.shared.tls(&self.address.tls)?;
        Box::pin(replication::run(&self.address, tls, command, deadline)).await
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
            let needless =
                state.idle.contains_key(&holder.key) || state.busy.values().any(|it| !it.extra && it.key == holder.key);
            if !needless {
                state.idle.insert(holder.key, Idle { connection, since: Instant::now() });
            }
        }
        drop(state);
        self.shared.dispatch();
    }
}
