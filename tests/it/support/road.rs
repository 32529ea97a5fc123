//! The way from a provider to the stand-in, by relays that count what passes. The stand-in needs `log_statement = 'all'`.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::relay::Relay;
use super::stand_in::StandIn;
use super::terraform::Workspace;

/// Relays before Postgres and before the API, and the log of the server behind them.
pub(crate) struct Road {
    /// Of the API, by way of the relay.
    pub(crate) api_url: String,
    database: Relay,
    api: Relay,
    log: PathBuf,
    since: Cell<u64>,
    role: String,
}

/// What passed since the last reset.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// Connections to Postgres.
    pub(crate) connections: usize,
    /// Statements of the database's owner.
    pub(crate) statements: usize,
    /// Round trips to Postgres, those of connecting included.
    pub(crate) round_trips: usize,
    /// Bytes that Postgres sent, encrypted.
    pub(crate) received: usize,
    /// Calls of the API.
    pub(crate) calls: usize,
}

impl Road {
    /// Leads the workspace through relays; each round trip takes that much longer.
    pub(crate) fn build(stand_in: &StandIn, workspace: &Workspace, round_trip: Duration) -> Self {
        let road = Self::to(stand_in, round_trip);
        workspace.set_env("NEON_API_URL", road.api_url.clone());
        road
    }

    /// Relays that nobody uses yet.
    pub(crate) fn to(stand_in: &StandIn, round_trip: Duration) -> Self {
        let ready = &stand_in.ready;
        let database = Relay::start(ready.port, round_trip, None);
        let place = |port: u16| format!("{}:{port}/", ready.host);
        let api_port = ready.api_url.rsplit(':').next().and_then(|it| it.split('/').next());
        let api_port: u16 = api_port.and_then(|it| it.parse().ok()).expect("a port in api_url");
        let api = Relay::start(api_port, round_trip, Some((place(ready.port), place(database.port))));
        let through = format!(":{}/", api.port);
        let api_url = ready.api_url.replace(&format!(":{api_port}/"), &through);
        let log = stand_in.admin("GET", "/postgres", None)["log"].as_str().expect("the server's log").into();
        let road = Self { api_url, database, api, log, since: Cell::new(0), role: ready.owner_role.clone() };
        road.reset();
        road
    }

    /// Counts from here on.
    pub(crate) fn reset(&self) {
        let counts = &self.database.counts;
        for count in [&counts.connections, &counts.round_trips, &counts.received, &self.api.counts.round_trips] {
            count.store(0, Ordering::Relaxed);
        }
        self.since.set(fs::metadata(&self.log).expect("the server's log").len());
    }

    pub(crate) fn passed(&self) -> Passed {
        Passed {
            connections: self.database.counts.connections.load(Ordering::Relaxed),
            statements: self.statements(),
            round_trips: self.database.counts.round_trips.load(Ordering::Relaxed),
            received: self.database.counts.received.load(Ordering::Relaxed),
            calls: self.api.counts.round_trips.load(Ordering::Relaxed),
        }
    }

    /// The server logs each message with statements once, and each execution of a prepared statement.
    fn statements(&self) -> usize {
        let text = fs::read(&self.log).expect("the server's log");
        let new = String::from_utf8_lossy(&text[usize::try_from(self.since.get()).expect("an offset")..]).into_owned();
        let of_role = format!(" {}@", self.role);
        let is_statement = |line: &&str| line.contains("LOG:  statement: ") || line.contains("LOG:  execute ");
        new.lines().filter(|line| line.contains(&of_role)).filter(is_statement).count()
    }
}
