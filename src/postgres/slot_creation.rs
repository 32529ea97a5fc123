//! How a slot comes to be and goes: both may wait for others for long, and no transaction takes them back.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::blocker::{self, Blocker};
use super::connection::Connection;
use super::error::{Error, Kind, Result};
use super::names::SlotName;
use super::session::Session;
use super::slot::{self, Consumer, Identified, NewSlot, Slot};

/// Time that is kept back to find out what has become of a slot whose creation did not end well.
const GRACE: Duration = Duration::from_secs(5);

/// Why a slot was not made, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The error. `QueryCancelled` and `Timeout`: it took too long, or was cancelled.
    pub(crate) error: Error,
    /// The slot that is there all the same, made by this call: it is to be kept and reported.
    pub(crate) found: Option<Slot>,
    /// What it waited for.
    pub(crate) blockers: Vec<Blocker>,
}

/// Makes a slot until the session's deadline or until `cancelled` ends.
///
/// The server ends it too: by `statement_timeout`, and where it can, by `client_connection_check_interval`; else the slot would appear
/// after its client has gone (tried). If the connection is lost on the way and no slot is there, it is tried again.
pub(crate) async fn create(
    session: &mut Session,
    new: &NewSlot,
    cancelled: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut cancelled = pin!(cancelled);
    let deadline = session.deadline();
    loop {
        let attempt = session.bare(|connection| try_once(connection, new, deadline, cancelled.as_mut())).await;
        let Err(error) = attempt else { return Ok(()) };
        if !matches!(error.kind(), Kind::QueryCancelled | Kind::Timeout | Kind::ConnectionLost) {
            return Err(Failure { error, found: None, blockers: Vec::new() });
        }
        session.allow(GRACE);
        let Ok((found, blockers)) = settle(session, new).await else {
            // Nothing can be read: the first error says more.
            return Err(Failure { error, found: None, blockers: Vec::new() });
        };
        if error.kind() != Kind::ConnectionLost {
            return Err(Failure { error, found, blockers });
        }
        if found.is_some() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Failure { error, found, blockers });
        }
    }
}

async fn try_once(
    connection: Arc<Connection>,
    new: &NewSlot,
    deadline: Instant,
    cancelled: impl Future<Output = ()>,
) -> Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let limit = left.saturating_sub(GRACE.min(left / 4)).as_millis().max(1);
    // Under a lock it waits for open transactions, so no lock_timeout.
    let limits = format!("SET statement_timeout = {limit}; SET lock_timeout = 0");
    let (done, restored) = {
        // All sent at once, in one round trip: each is on its own, so that what fails before the call does not stop it.
        let mut all = pin!(async {
            let begin =
                join(connection.command(&limits), connection.command("SET client_connection_check_interval = '2s'"));
            let ((limited, watched), (done, restored)) =
                join(begin, join(slot::call(&connection, new), restore(&connection))).await;
            if let Err(error) = watched {
                tracing::debug!(%error, "this server cannot watch its client");
            }
            (limited.and(done), restored)
        });
        tokio::select! {
            biased;
            done = timeout_at(deadline, &mut all) => match done {
                Ok(done) => done,
                Err(_) => (Err(Error::new(Kind::Timeout, "the server did not answer in time")), Ok(())),
            },
            () = cancelled => {
                connection.canceller().cancel().await;
                match timeout(GRACE, &mut all).await {
                    Ok(done) => done,
                    Err(_) => (Err(Error::new(Kind::Timeout, "the server did not react to a cancel request")), Ok(())),
                }
            }
        }
    };
    if done.as_ref().is_err_and(|it| it.kind().leaves_it_unknown()) {
        return done;
    }
    // A cancel request that came late may have hit these instead of the call.
    if restored.is_err() && restore(&connection).await.is_err() {
        tracing::debug!("session settings not restored");
    }
    done
}

/// Back to what other users of the session expect; if that fails the session is closed and nothing is lost.
async fn restore(connection: &Connection) -> Result<()> {
    let reset = "RESET client_connection_check_interval";
    let (limited, watched) =
        join(connection.command("SET statement_timeout = '10min'"), connection.command(reset)).await;
    limited.and(watched)
}

/// The finished slot that is there, if it is the one that was to be made, and what stands in the way if not.
async fn settle(session: &mut Session, new: &NewSlot) -> Result<(Option<Slot>, Vec<Blocker>)> {
    let until = Instant::now() + GRACE / 2;
    loop {
        let (database, found, blockers) = session
            .read(async |connection| {
                let database = super::settings::read(&connection).await?.database;
                Ok((database, slot::read(&connection, &new.name).await?, blocker::read_all(&connection).await?))
            })
            .await?;
        let found = found.filter(|it| it.is(&database, &new.plugin));
        // While its maker still lives it may go or stay.
        if found.as_ref().is_some_and(Slot::is_unfinished) && Instant::now() < until {
            sleep(Duration::from_millis(200)).await;
            continue;
        }
        return Ok((found.filter(|it| !it.is_unfinished()), blockers));
    }
}

/// Why a slot was not dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    /// The error; `ObjectInUse` if it has a consumer.
    pub(crate) error: Error,
    /// Who uses it.
    pub(crate) consumer: Option<Consumer>,
}

/// Drops the slot that is meant; waits for its consumer to go until the session's deadline, or ends it if
/// `terminate` says so. `false`: there was none.
pub(crate) async fn drop(
    session: &mut Session,
    name: &SlotName,
    which: Identified<'_>,
    terminate: bool,
) -> Result<bool, Busy> {
    let mut consumer = None;
    let mut pause = Duration::from_millis(100);
    loop {
        let dropped = session.read(async |connection| slot::drop(&connection, name, which).await).await;
        let error = match dropped {
            Ok(dropped) => return Ok(dropped),
            Err(error) => error,
        };
        if error.kind() != Kind::ObjectInUse {
            return Err(Busy { error, consumer: None });
        }
        // Near the deadline it may not be found out again.
        if let Ok(Some(now)) = session.read(async |connection| slot::consumer(&connection, name).await).await {
            consumer = Some(now);
        }
        if Instant::now() + pause >= session.deadline() {
            return Err(Busy { error, consumer });
        }
        if terminate {
            let ended = session.read(async |connection| slot::terminate_consumer(&connection, name).await).await;
            if let Err(error) = ended {
                return Err(Busy { error, consumer });
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}
