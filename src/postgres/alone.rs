//! Statements that cannot run in a transaction, because they reach another server: those of subscriptions.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Notice};
use super::error::{Error, Kind, Result};
use super::session::Session;
use super::sql::Statement;

/// Time in which the server ends a statement by itself, before the client cancels it.
const GRACE: Duration = Duration::from_secs(2);

/// Time in which a server notices that its client has gone, and ends the statement.
const NOTICES: Duration = Duration::from_secs(4);

/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How often a statement is sent again: it may be the statement that crashes the server.
const RESENDS: u32 = 3;

/// What came of a statement.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What the server said; nothing where only the catalog shows that the statement was carried out. Errors: `Publisher`, when the
    /// server could not reach the publisher or was refused there; `QueryCancelled` and `Timeout`, when it took too long or was
    /// cancelled; `ConnectionLost`, when the connection was lost again and again.
    pub(crate) outcome: Result<Vec<Notice>>,
    /// Whether the connection was lost during an attempt: what that attempt has done at the publisher is not known.
    pub(crate) was_lost: bool,
}

/// Runs a statement that cannot run in a transaction, for at most `limit`, or until `cancelled`. When the connection is lost, `is_done`
/// looks whether the statement was carried out; if not, it is sent again. So it must be one that does no harm twice.
pub(crate) async fn settled<F: Future<Output = Result<bool>>>(
    session: &mut Session,
    statement: &Statement,
    limit: Duration,
    cancelled: &CancellationToken,
    is_done: impl Fn(Arc<Connection>) -> F,
) -> Ran {
    let until = Instant::now() + limit;
    let mut losses = 0;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let error = match run(session, statement, left, cancelled.cancelled()).await {
            Ok(notices) => return Ran { outcome: Ok(notices), was_lost: losses > 0 },
            Err(error) => error,
        };
        let lost = error.kind() == Kind::ConnectionLost;
        losses += u32::from(lost);
        let ran = |outcome| Ran { outcome, was_lost: losses > 0 };
        if losses == 0 || cancelled.is_cancelled() {
            return ran(Err(error));
        }
        // The server may still be at work for the connection that was lost, except if it ended that itself.
        let notices_until = Instant::now() + if lost && !error.is_end_of_session() { NOTICES } else { Duration::ZERO };
        loop {
            match session.read(&is_done).await {
                Ok(true) => return ran(Ok(Vec::new())),
                Ok(false) => {}
                Err(unseen) => return ran(Err(unseen)),
            }
            if Instant::now() >= notices_until || cancelled.is_cancelled() {
                break;
            }
            sleep(LOOK_AGAIN).await;
        }
        if !lost || losses > RESENDS || cancelled.is_cancelled() || Instant::now() >= until {
            return ran(Err(error));
        }
        tracing::debug!(%error, "running it again");
    }
}

/// Runs it once.
async fn run(
    session: &mut Session,
    statement: &Statement,
    limit: Duration,
    cancelled: impl Future<Output = ()>,
) -> Result<Vec<Notice>> {
    let mut cancelled = pin!(cancelled);
    session
        .bare(|connection| async move {
            let milliseconds = limit.as_millis().max(1);
            let settings = "SET lock_timeout = 0; SET search_path = DEFAULT";
            connection.command(&format!("SET statement_timeout = {milliseconds}; {settings}")).await?;
            // Otherwise what it creates would appear after its client has gone.
            if let Err(error) = connection.command("SET client_connection_check_interval = '2s'").await {
                if error.kind() == Kind::ConnectionLost {
                    return Err(error);
                }
                tracing::debug!(%error, "this server cannot watch its client");
            }
            let until = Instant::now() + limit + GRACE;
            let done = {
                let mut work = pin!(connection.run(std::slice::from_ref(statement)));
                tokio::select! {
                    biased;
                    done = timeout_at(until, &mut work) => match done {
                        Ok(done) => done,
                        Err(_) => Err(Error::new(Kind::Timeout, "the server did not answer in time")),
                    },
                    () = cancelled.as_mut() => {
                        connection.canceller().cancel().await;
                        match timeout(GRACE * 2, &mut work).await {
                            Ok(done) => done,
                            Err(_) => Err(Error::new(Kind::Timeout, "the server did not react to a cancel request")),
                        }
                    }
                }
            };
            let done = done.map_err(|error| of_publisher(error, connection.is_closed()));
            if !done.as_ref().is_err_and(|it| it.kind().leaves_it_unknown()) {
                // As other users of the session expect it; a session where that fails is closed by its next user.
                for reset in
                    ["SET statement_timeout = '10min'; SET search_path = ''", "RESET client_connection_check_interval"]
                {
                    if let Err(error) = connection.command(reset).await {
                        tracing::debug!(%error, "session settings not restored");
                    }
                }
            }
            done
        })
        .await
}

/// A subscriber reports the publisher's errors as connection failures and protocol violations (08006, 08P01), on a
/// connection of ours that is still open.
fn of_publisher(error: Error, is_closed: bool) -> Error {
    let of_publisher = error.sqlstate().is_some_and(|it| it.starts_with("08")) && !is_closed;
    if of_publisher { error.with_kind(Kind::Publisher) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_publisher_is_not_a_lost_connection() {
        let error = || Error::of_server("08006", "could not connect to the publisher: refused", None, None);
        assert_eq!(of_publisher(error(), false).kind(), Kind::Publisher);
        assert_eq!(of_publisher(error(), true).kind(), Kind::ConnectionLost);
        let other = Error::of_server("42P01", "relation \"public.t\" does not exist", None, None);
        assert_eq!(of_publisher(other, false).kind(), Kind::UndefinedTable);
    }
}
