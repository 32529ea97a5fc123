//! A connection for a while, from the pool: runs reads and transactions, and reopens what was lost.
//!
//! Sessions drop (57P01) whenever a Neon compute is reconfigured, while other work is going on. So work is given as a function
//! that may run again: a read always, a transaction as long as COMMIT was not sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::advisory_lock;
use super::attempt::{Attempt, passed};
use super::blocker::{self, Wanted};
use super::connection::{Address, Canceller, Connection};
use super::error::{Error, Kind, Result};
use super::pool::{Permit, Pool, Usage};
use super::sql::Statement;

/// How long to look for who holds a lock.
const LOOK: Duration = Duration::from_secs(2);

/// Open transactions that a message names.
const SHOWN: usize = 10;

/// A session, until it is dropped. Hold one at a time: a second one may wait for the first until its deadline.
#[derive(Debug)]
pub(crate) struct Session {
    permit: Permit,
    connection: Option<Arc<Connection>>,
    deadline: Instant,
}

impl Pool {
    /// A session of that database and role. `purpose` is shown to those who wait in vain, such as ``reading publications``. Errors:
    /// `SessionsBusy` at the deadline, and those of connecting.
    pub(crate) async fn open(
        &self,
        address: &Address,
        deadline: Instant,
        purpose: &str,
        usage: Usage,
    ) -> Result<Session> {
        let permit = self.acquire(address, deadline, purpose, usage).await?;
        let mut session = Session { permit, connection: None, deadline };
        let idle = session.permit.take_idle().filter(|it| !it.is_closed());
        let connection = match idle {
            Some(connection) => connection,
            None => session.permit.connect(deadline).await?,
        };
        session.connection = Some(Arc::new(connection));
        Ok(session)
    }
}

impl Pool {
    /// Opens a connection and closes it again: whether one can be opened now. One that is open already proves nothing. Errors: those of
    /// [`open`](Self::open).
    pub(crate) async fn try_to_connect(&self, address: &Address, deadline: Instant, purpose: &str) -> Result<()> {
        let mut permit = self.acquire(address, deadline, purpose, Usage::Write).await?;
        drop(permit.take_idle());
        permit.connect(deadline).await.map(drop)
    }
}

impl Session {
    /// When this session's work must be done.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Puts the deadline off, so that at least this much time is left: for finding out what has become of work that ran into it.
    pub(crate) fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now().checked_add(time).map_or(self.deadline, |later| later.max(self.deadline));
    }

    /// Runs reads, again if the connection is lost. Each statement sees the state of its own moment.
    pub(crate) async fn read<T, W, F>(&mut self, reads: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        let mut attempts = Attempts::default();
        loop {
            let taken = self.take().await?;
            let outcome = read(&taken.0, self.deadline, &reads).await;
            if let Some(value) = self.after(taken, outcome, &mut attempts, is_worth_another_read).await? {
                return Ok(value);
            }
        }
    }

    /// The bare connection, for what cannot run in a transaction. Nothing is run again.
    pub(crate) async fn bare<T, W, F>(&mut self, work: W) -> Result<T>
    where
        W: FnOnce(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        let (connection, guard) = self.take().await?;
        let done = work(Arc::clone(&connection)).await;
        connection.take_error();
        if !done.as_ref().is_err_and(|e| e.kind().leaves_it_unknown()) {
            guard.finished();
            self.connection = Some(connection);
        }
        done
    }

    /// Runs a command of the replication protocol, such as `ALTER_REPLICATION_SLOT`, in a walsender session that takes the
    /// place of this one's connection: both together would be one more than the pool may open.
    pub(crate) async fn replicate(&mut self, command: &Statement) -> Result<()> {
        self.connection = None;
        self.permit.replicate(command, self.deadline).await
    }

    /// The connection, for an attempt. Taken out while in use: if the attempt is dropped half-way, it is not used again.
    pub(super) async fn take(&mut self) -> Result<(Arc<Connection>, InUse)> {
        let connection = match self.connection.take().filter(|it| !it.is_closed()) {
            Some(connection) => connection,
            None => Arc::new(self.permit.connect(self.deadline).await?),
        };
        connection.take_error();
        let guard = InUse(connection.canceller(), true);
        Ok((connection, guard))
    }

    /// What an attempt comes to; `None`: it is to be repeated, after the pause that was waited here.
    pub(super) async fn after<T>(
        &mut self,
        (connection, guard): (Arc<Connection>, InUse),
        outcome: Attempt<T>,
        attempts: &mut Attempts,
        is_worth_another: impl Fn(Kind) -> bool,
    ) -> Result<Option<T>> {
        let unknown =
            matches!(&outcome, Attempt::Failed(e) | Attempt::CommitUnknown(e) if e.kind().leaves_it_unknown());
        if !unknown {
            guard.finished();
            self.connection = Some(connection);
        }
        let error = match outcome {
            Attempt::Done(value) => return Ok(Some(value)),
            Attempt::CommitUnknown(error) => return Err(error.with_kind(Kind::CommitUnknown)),
            // Looked at now: when time runs out the connection may be gone.
            Attempt::Failed(error) => self.with_blockers(error).await,
        };
        if !is_worth_another(error.kind()) || Instant::now() + attempts.pause >= self.deadline {
            return Err(reason(error, attempts.locked.take()));
        }
        if error.kind() == Kind::LockNotAvailable {
            attempts.locked = Some(error.clone());
        }
        tracing::debug!(%error, "running it again");
        sleep(attempts.pause).await;
        attempts.pause = (attempts.pause * 2).min(Duration::from_secs(1));
        Ok(None)
    }

    /// Who holds the locks that could not be had. A row of the catalogue, such as the one that a GRANT writes, has no lock that others
    /// can see: then all transactions that have written are named.
    async fn with_blockers(&self, error: Error) -> Error {
        let (Kind::LockNotAvailable, Some(connection)) = (error.kind(), &self.connection) else { return error };
        let look = async {
            let holders = blocker::holders(connection, wanted(&error)).await?;
            if !holders.is_empty() {
                return Ok(("Locks are held by", lines(&holders)));
            }
            let mut blockers = blocker::read_all(connection).await?;
            blockers.truncate(SHOWN);
            Ok::<_, Error>(("One of these open transactions holds the lock", lines(&blockers)))
        };
        let found = timeout(LOOK, look).await;
        connection.take_error();
        match found {
            Ok(Ok((what, lines))) if !lines.is_empty() => error.with_detail(format!("{what}:\n{lines}")),
            _ => error,
        }
    }
}

/// What the failed statement waited for.
fn wanted(error: &Error) -> Wanted<'_> {
    match error.statement() {
        Some(statement) if advisory_lock::is_taken_by(statement) => Wanted::Advisory,
        _ if error.tables().is_empty() => Wanted::Publication,
        _ => Wanted::Tables(error.tables()),
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|it| format!("- {it}")).collect::<Vec<_>>().join("\n")
}

/// How often it was tried.
#[derive(Debug)]
pub(super) struct Attempts {
    pause: Duration,
    /// The last time that a lock could not be had.
    locked: Option<Error>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { pause: Duration::from_millis(20), locked: None }
    }
}

/// Reads change nothing.
fn is_worth_another_read(kind: Kind) -> bool {
    matches!(kind, Kind::ConnectionLost | Kind::Serialization)
}

/// What to say at the end: when the time ran out between tries for a lock, that it was the lock.
fn reason(last: Error, locked: Option<Error>) -> Error {
    let out_of_time = match last.kind() {
        Kind::Timeout => true,
        // By `statement_timeout`; an error of our own, without a state, is an interruption.
        Kind::QueryCancelled => last.sqlstate().is_some(),
        _ => false,
    };
    locked.filter(|_| out_of_time).unwrap_or(last)
}

impl Drop for Session {
    fn drop(&mut self) {
        // Somebody who still holds the handle would share the connection with its next user: then it is closed.
        if let Some(connection) = self.connection.take().and_then(Arc::into_inner).filter(|it| !it.is_closed()) {
            self.permit.keep(connection);
        }
    }
}

/// Cancels the statement of a connection whose user was dropped half-way, or did not get an answer in time.
pub(super) struct InUse(Canceller, bool);

impl InUse {
    fn finished(mut self) {
        self.1 = false;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.1, tokio::runtime::Handle::try_current()) {
            let canceller = self.0.clone();
            runtime.spawn(async move { canceller.cancel().await });
        }
    }
}

async fn read<T, W, F>(connection: &Arc<Connection>, deadline: Instant, reads: &W) -> Attempt<T>
where
    W: Fn(Arc<Connection>) -> F,
    F: Future<Output = Result<T>>,
{
    match timeout_at(deadline, reads(Arc::clone(connection))).await {
        Ok(Ok(value)) => Attempt::Done(value),
        Ok(Err(error)) => Attempt::Failed(error),
        Err(_) => Attempt::Failed(passed("read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::row::Param;
    use crate::postgres::transaction::Stop;

    #[test]
    fn a_lock_that_was_not_had_is_the_reason_when_time_runs_out() {
        let locked = || Some(Error::new(Kind::LockNotAvailable, "lock"));
        let kind = |last: Error, locked| reason(last, locked).kind();
        let by_server = || Error::of_server("57014", "canceling statement due to statement timeout", None, None);
        assert_eq!(kind(Error::new(Kind::Timeout, "time"), locked()), Kind::LockNotAvailable);
        assert_eq!(kind(by_server(), locked()), Kind::LockNotAvailable);
        assert_eq!(kind(by_server(), None), Kind::QueryCancelled);
        assert_eq!(kind(Error::new(Kind::QueryCancelled, "interrupted"), locked()), Kind::QueryCancelled);
        assert_eq!(kind(Error::new(Kind::UndefinedTable, "gone"), locked()), Kind::UndefinedTable);
    }

    /// Handlers are boxed as `Send`: the futures here must be.
    #[expect(dead_code, reason = "compiling is the test")]
    async fn futures_are_send(session: &mut Session, name: &str, names: &[String]) {
        fn send<T: Future + Send>(it: T) -> T {
            it
        }
        let both = async {
            let rows = session.settled(async |tx| {
                let rows = tx.fetch("SELECT 1", &[Param::Text(name), Param::Text(&names[0])]).await?;
                tx.run(&[]).await?;
                Ok::<_, Stop<()>>(rows.len())
            });
            rows.await
        };
        let _ = send(both).await;
    }
}
