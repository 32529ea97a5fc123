//! One attempt at work between BEGIN and its end: the commands around it, and how it ended.

use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::error::{Error, Kind, Result};

/// How an attempt ended.
pub(super) enum Attempt<T> {
    Done(T),
    Failed(Error),
    CommitUnknown(Error),
}

/// How long a transaction waits for a lock, before it is rolled back and run again, until the deadline: queries of applications do not pile
/// up behind our request for a lock.
const LOCK: Duration = Duration::from_secs(3);

/// With an unknown state the connection is closed, which rolls back too.
pub(super) async fn roll_back(connection: &Connection, after: &Error) {
    if after.kind().leaves_it_unknown() {
        return;
    }
    if let Err(lost) = finish(connection, "ROLLBACK").await {
        tracing::debug!(error = %lost, "rollback failed");
    }
}

pub(super) async fn finish(connection: &Connection, command: &str) -> Result<()> {
    let done = connection.command(command).await;
    connection.take_error();
    done
}

pub(super) fn begin(begin: &str, deadline: Instant) -> String {
    let statement = deadline.saturating_duration_since(Instant::now()).as_millis().clamp(1, 86_400_000);
    let lock = LOCK.as_millis();
    format!("{begin}; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}")
}

pub(super) fn passed(what: &str) -> Error {
    Error::new(Kind::Timeout, format!("the time for this {what} has passed"))
}

impl Kind {
    /// The connection is gone, or something may still be running on it.
    pub(super) fn leaves_it_unknown(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::CommitUnknown | Self::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_bounds_statements_by_the_deadline() {
        let soon = begin("BEGIN", Instant::now());
        assert_eq!(soon, "BEGIN; SET LOCAL statement_timeout = 1; SET LOCAL lock_timeout = 3000");
        let never = begin("BEGIN", Instant::now() + Duration::from_secs(1_000_000));
        assert_eq!(never, "BEGIN; SET LOCAL statement_timeout = 86400000; SET LOCAL lock_timeout = 3000");
    }
}
