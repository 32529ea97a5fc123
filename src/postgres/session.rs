//! A connection for a while, from the pool: runs reads and transactions, and reopens what was lost.
//!
//! Sessions drop (57P01) whenever a Neon compute is reconfigured, while other work is going on. So work is given as a function
//! that may run again: a read always, a transaction as long as COMMIT was not sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{Address, Canceller, Connection};
use super::error::{Error, Kind, Result};
use super::pool::{Permit, Pool};
use super::sql::Statement;

/// A session, until it is dropped. Hold one at a time: a second one may wait for the first for ever.
#[derive(Debug)]
pub struct Session {
    permit: Permit,
    connection: Option<Arc<Connection>>,
    deadline: Instant,
}

/// How a transaction waits for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    /// 3 s at a time, then the transaction is rolled back and run again, until the deadline: application queries do not pile up
    /// behind our request for a lock.
    Short,
    /// Until the deadline.
    Patient,
}

const SHORT: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Read,
    Snapshot,
    Transaction(Locks),
}

enum Attempt<T> {
    Done(T),
    Failed(Error),
    CommitUnknown(Error),
}

impl Pool {
    /// The session of that database and role, when nobody else uses it. `purpose` is shown to those who wait in vain, such as
    /// ``reading publications``. Errors: `SessionsBusy` at the deadline, and those of connecting.
    pub async fn session(&self, address: &Address, deadline: Instant, purpose: &str) -> Result<Session> {
        Session::open(self.acquire(address, deadline, purpose, false).await?, deadline).await
    }

    /// A session beside the one that others share, if one is free, for work that takes long; else the shared one.
    pub async fn session_of_its_own(&self, address: &Address, deadline: Instant, purpose: &str) -> Result<Session> {
        Session::open(self.acquire(address, deadline, purpose, true).await?, deadline).await
    }
}

impl Session {
    async fn open(permit: Permit, deadline: Instant) -> Result<Self> {
        let mut session = Self { permit, connection: None, deadline };
        session.connection = session.permit.take_idle().filter(|it| !it.is_closed()).map(Arc::new);
        if session.connection.is_none() {
            session.reopen().await?;
        }
        Ok(session)
    }

    async fn reopen(&mut self) -> Result<()> {
        self.connection = None;
        self.connection = Some(Arc::new(self.permit.connect(self.deadline).await?));
        Ok(())
    }

    /// When this session's work must be done.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Puts the deadline off, so that at least this much time is left: for finding out what has become of work that ran into it.
    pub fn allow(&mut self, time: Duration) {
        self.deadline = Instant::now().checked_add(time).map_or(self.deadline, |later| later.max(self.deadline));
    }

    /// Runs reads, again if the connection is lost. Each statement sees the state of its own moment.
    pub async fn read<T, W, F>(&mut self, reads: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        self.again(Mode::Read, reads).await
    }

    /// Runs reads that must agree with each other, in one `REPEATABLE READ READ ONLY` transaction.
    pub async fn snapshot<T, W, F>(&mut self, reads: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        self.again(Mode::Snapshot, reads).await
    }

    /// Runs a transaction with [`Locks::Short`].
    ///
    /// It runs again, from its start, when the connection was lost before COMMIT was sent, on serialization errors and when a lock was
    /// not to be had: so `work` must read what it changes in the transaction itself. `CommitUnknown` says that the connection was lost
    /// after COMMIT was sent: then only reading settles it.
    pub async fn transaction<T, W, F>(&mut self, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        self.again(Mode::Transaction(Locks::Short), work).await
    }

    /// [`Session::transaction`] with a choice of locks.
    pub async fn transaction_with<T, W, F>(&mut self, locks: Locks, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        self.again(Mode::Transaction(locks), work).await
    }

    /// The bare connection, for what cannot run in a transaction. Nothing is run again.
    pub async fn bare<T, W, F>(&mut self, work: W) -> Result<T>
    where
        W: FnOnce(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        if self.connection.as_ref().is_none_or(|it| it.is_closed()) {
            self.reopen().await?;
        }
        let Some(connection) = self.connection.take() else {
            return Err(Error::new(Kind::ConnectionLost, "the connection was closed"));
        };
        let guard = InUse(connection.canceller(), true);
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
    pub async fn replicate(&mut self, command: &Statement) -> Result<()> {
        self.connection = None;
        self.permit.replicate(command, self.deadline).await
    }

    async fn again<T, W, F>(&mut self, mode: Mode, work: W) -> Result<T>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T>>,
    {
        let mut pause = Duration::from_millis(20);
        let mut locked = None;
        loop {
            if self.connection.as_ref().is_none_or(|it| it.is_closed()) {
                self.reopen().await?;
            }
            // Taken out while in use: if this future is dropped half-way, the connection is not used again.
            let Some(connection) = self.connection.take() else { continue };
            connection.take_error();
            let guard = InUse(connection.canceller(), true);
            let outcome = match mode {
                Mode::Read => read(&connection, self.deadline, &work).await,
                Mode::Snapshot => snapshot(&connection, self.deadline, &work).await,
                Mode::Transaction(locks) => transact(&connection, self.deadline, locks, &work).await,
            };
            let unknown =
                matches!(&outcome, Attempt::Failed(e) | Attempt::CommitUnknown(e) if e.kind().leaves_it_unknown());
            if !unknown {
                guard.finished();
                self.connection = Some(connection);
            }
            let error = match outcome {
                Attempt::Done(value) => return Ok(value),
                Attempt::CommitUnknown(error) => return Err(error.with_kind(Kind::CommitUnknown)),
                Attempt::Failed(error) => error,
            };
            if !mode.is_worth_another(error.kind()) || Instant::now() + pause >= self.deadline {
                return Err(reason(error, locked));
            }
            if error.kind() == Kind::LockNotAvailable {
                locked = Some(error.clone());
            }
            tracing::debug!(%error, "running it again");
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
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
struct InUse(Canceller, bool);

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

async fn snapshot<T, W, F>(connection: &Arc<Connection>, deadline: Instant, reads: &W) -> Attempt<T>
where
    W: Fn(Arc<Connection>) -> F,
    F: Future<Output = Result<T>>,
{
    let opening = begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", deadline, Locks::Patient);
    let both = async {
        let (begun, read) = join(connection.command(&opening), reads(Arc::clone(connection))).await;
        begun.and(read)
    };
    let outcome = timeout_at(deadline, both).await.unwrap_or_else(|_| Err(passed("read")));
    match outcome {
        Ok(value) => match finish(connection, "ROLLBACK").await {
            // What was read is good, the connection is not: the next user notices that it is closed.
            Ok(()) | Err(_) => Attempt::Done(value),
        },
        Err(error) => {
            roll_back(connection, &error).await;
            Attempt::Failed(error)
        }
    }
}

/// Sessions that drop mostly do so before COMMIT is taken up: then its answer is the server's own word that it ended the session,
/// and nothing was committed. Once the server commits it does not listen any more, and says either that it has, or nothing.
///
/// Work sent together with BEGIN: if BEGIN's batch fails, the transaction is in its failed state, and the rest fails with it.
async fn transact<T, W, F>(connection: &Arc<Connection>, deadline: Instant, locks: Locks, work: &W) -> Attempt<T>
where
    W: Fn(Arc<Connection>) -> F,
    F: Future<Output = Result<T>>,
{
    let opening = begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", deadline, locks);
    let both = async {
        let (begun, done) = join(connection.command(&opening), work(Arc::clone(connection))).await;
        begun.and(done)
    };
    let done = timeout_at(deadline, both).await.unwrap_or_else(|_| Err(passed("transaction")));
    let done = match (done, connection.take_error()) {
        (Ok(_), Some(swallowed)) => Err(swallowed),
        (done, _) => done,
    };
    let value = match done {
        Ok(value) => value,
        Err(error) => {
            roll_back(connection, &error).await;
            return Attempt::Failed(error);
        }
    };
    if connection.is_closed() {
        return Attempt::Failed(Error::new(Kind::ConnectionLost, "the connection was closed before COMMIT"));
    }
    // Deferred triggers run now, with the path that their authors expect.
    match timeout_at(deadline, finish(connection, "SET LOCAL search_path = DEFAULT; COMMIT")).await {
        Ok(Ok(())) => Attempt::Done(value),
        Ok(Err(error)) if error.is_end_of_session() => Attempt::Failed(error),
        Ok(Err(error)) if error.kind().leaves_it_unknown() => Attempt::CommitUnknown(error),
        Ok(Err(error)) => Attempt::Failed(error),
        Err(_) => Attempt::CommitUnknown(passed("COMMIT")),
    }
}

/// With an unknown state the connection is closed, which rolls back too.
async fn roll_back(connection: &Connection, after: &Error) {
    if after.kind().leaves_it_unknown() {
        return;
    }
    if let Err(lost) = finish(connection, "ROLLBACK").await {
        tracing::debug!(error = %lost, "rollback failed");
    }
}

async fn finish(connection: &Connection, command: &str) -> Result<()> {
    let done = connection.command(command).await;
    connection.take_error();
    done
}

fn begin(begin: &str, deadline: Instant, locks: Locks) -> String {
    let statement = deadline.saturating_duration_since(Instant::now()).as_millis().clamp(1, 86_400_000);
    let lock = match locks {
        Locks::Short => SHORT.as_millis(),
        Locks::Patient => 0,
    };
    format!("{begin}; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}")
}

fn passed(what: &str) -> Error {
    Error::new(Kind::Timeout, format!("the time for this {what} has passed"))
}

impl Mode {
    fn is_worth_another(self, kind: Kind) -> bool {
        match kind {
            Kind::ConnectionLost | Kind::Serialization => true,
            Kind::LockNotAvailable => self == Self::Transaction(Locks::Short),
            _ => false,
        }
    }
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
    use crate::postgres::row::Param;

    #[test]
    fn begin_bounds_statements_by_the_deadline() {
        let soon = begin("BEGIN", Instant::now(), Locks::Short);
        assert_eq!(soon, "BEGIN; SET LOCAL statement_timeout = 1; SET LOCAL lock_timeout = 3000");
        let never = begin("BEGIN", Instant::now() + Duration::from_secs(1_000_000), Locks::Patient);
        assert_eq!(never, "BEGIN; SET LOCAL statement_timeout = 86400000; SET LOCAL lock_timeout = 0");
    }

    #[test]
    fn what_runs_again() {
        let change = Mode::Transaction(Locks::Short);
        for kind in [Kind::ConnectionLost, Kind::Serialization, Kind::LockNotAvailable] {
            assert!(change.is_worth_another(kind), "{kind:?}");
        }
        for kind in [Kind::CommitUnknown, Kind::Timeout, Kind::QueryCancelled, Kind::InsufficientPrivilege] {
            assert!(!change.is_worth_another(kind) && !Mode::Read.is_worth_another(kind), "{kind:?}");
        }
    }

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
            let rows = session.transaction(async |tx| {
                let rows = tx.fetch("SELECT 1", &[Param::Text(name), Param::Text(&names[0])]).await?;
                tx.run(&[]).await?;
                Ok(rows.len())
            });
            rows.await
        };
        let _ = send(both).await;
    }
}
