//! Statements that cannot run in a transaction, because they reach another server: those of subscriptions.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::connection::Notice;
use super::error::{Error, Kind, Result};
use super::session::Session;
use super::sql::Statement;

/// Time in which the server ends a statement by itself, before the client cancels it.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a statement that cannot run in a transaction, for at most `limit`, or until `cancelled` ends. Nothing is run again.
///
/// Errors: `Publisher`, when the server could not reach the publisher or was refused there; `QueryCancelled` and `Timeout`,
/// when it took too long or was cancelled.
pub(crate) async fn run(
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
                let reset = connection.command("SET statement_timeout = '10min'; SET search_path = ''").await;
                if let Err(error) = reset {
                    tracing::debug!(%error, "session settings not restored");
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
