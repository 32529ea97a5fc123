//! Transactions: three round trips for a change that is read back, two for one that is not.
//!
//! 1. BEGIN together with the first reads of the work;
//! 2. the statements together with what reads their effect ([`Tx::run_and`]);
//! 3. COMMIT. Statements given to [`Tx::at_commit`] go with it, so that a delete needs no second trip of its own; with
//!    [`Tx::commit`] a read goes with it too.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{join, try_join};
use tokio::time::{Instant, timeout_at};

use super::attempt::{Attempt, begin, finish, passed, roll_back};
use super::connection::{Connection, Notice, OWN_PATH};
use super::error::{Error, Kind, Result};
use super::session::{Attempts, Session};
use super::sql::Statement;

/// Why the work of a transaction ends without COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop<D> {
    /// The server, or the way to it. `?` makes it of an [`Error`].
    Server(Error),
    /// The work found that it must not be done. The transaction is rolled back and not run again.
    Refused(D),
}

impl<D> From<Error> for Stop<D> {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// An open transaction, for the work in it. Reads go through it as through a [`Connection`].
#[derive(Clone)]
pub(crate) struct Tx(Arc<Inner>);

struct Inner {
    connection: Arc<Connection>,
    at_commit: Mutex<Vec<Statement>>,
    commit_was_lost: bool,
    commit: Mutex<Commit>,
}

/// What became of a COMMIT that the work sent itself.
#[derive(Clone, Debug)]
enum Commit {
    NotSent,
    /// Its answer is not there.
    Sent,
    Answered(Result<()>),
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0.connection
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tx").field(&self.0.connection).finish()
    }
}

impl Tx {
    fn new(connection: &Arc<Connection>, commit_was_lost: bool) -> Self {
        Self(Arc::new(Inner {
            connection: Arc::clone(connection),
            at_commit: Mutex::default(),
            commit_was_lost,
            commit: Mutex::new(Commit::NotSent),
        }))
    }

    /// Runs statements and then a read, in one round trip. If a statement fails, its error is the answer.
    pub(crate) async fn run_and<T>(
        &self,
        statements: &[Statement],
        read: impl Future<Output = Result<T>>,
    ) -> Result<(Vec<Notice>, T)> {
        let (ran, read) = join(self.run(statements), read).await;
        Ok((ran?, read?))
    }

    /// Runs statements, then a read, then COMMIT, in one round trip: for work that only tells what it reads, and decides nothing by it. If a
    /// statement fails, nothing is committed and its error is the answer. Nothing may be run or refused afterwards.
    pub(crate) async fn commit<T>(&self, statements: &[Statement], read: impl Future<Output = Result<T>>) -> Result<T> {
        *self.commit_state() = Commit::Sent;
        // Deferred triggers run at COMMIT, with the path that their authors expect.
        let end = join(self.command(OWN_PATH), self.command("COMMIT"));
        let (ran, (read, (own_path, committed))) = join(self.run(statements), join(read, end)).await;
        // The server makes a ROLLBACK of a COMMIT behind something that failed; what it sent may still be unreadable for us.
        let failed_there = read.as_ref().err().filter(|it| it.kind() != Kind::Decode).cloned();
        let outcome = ran.map(drop).and(failed_there.map_or(Ok(()), Err)).and(own_path).and(committed);
        *self.commit_state() = Commit::Answered(outcome.clone());
        outcome.and(read)
    }

    fn commit_state(&self) -> MutexGuard<'_, Commit> {
        self.0.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves statements to be sent together with COMMIT, after all others. If one fails, nothing is committed and its error is that of the
    /// transaction.
    pub(crate) fn at_commit(&self, statements: Vec<Statement>) {
        self.0.at_commit.lock().unwrap_or_else(PoisonError::into_inner).extend(statements);
    }

    /// Whether the answer to a COMMIT of the same work was lost before: what it finds may be its own.
    pub(crate) fn commit_was_lost(&self) -> bool {
        self.0.commit_was_lost
    }
}

impl Session {
    /// A transaction whose COMMIT may be lost: it runs again then, for its work reads what exists first and so finds that it is done;
    /// [`Tx::commit_was_lost`] tells it so.
    pub(crate) async fn settled<T, D, W, F>(&mut self, work: W) -> Result<T, Stop<D>>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, Stop<D>>>,
    {
        let mut lost = false;
        loop {
            match self.begin(lost, &work).await {
                Err(Stop::Server(error)) if error.kind() == Kind::CommitUnknown && Instant::now() < self.deadline() => {
                    tracing::debug!(%error, "looking whether it was done");
                    lost = true;
                }
                done => return done,
            }
        }
    }

    async fn begin<T, D, W, F>(&mut self, lost: bool, work: &W) -> Result<T, Stop<D>>
    where
        W: Fn(Tx) -> F,
        F: Future<Output = Result<T, Stop<D>>>,
    {
        let deadline = self.deadline();
        let again = |kind| matches!(kind, Kind::ConnectionLost | Kind::Serialization | Kind::LockNotAvailable);
        let mut attempts = Attempts::default();
        loop {
            let taken = self.take().await?;
            let outcome = Box::pin(transact(&taken.0, deadline, lost, work)).await;
            if let Some(done) = self.after(taken, outcome, &mut attempts, again).await? {
                return done.map_err(Stop::Refused);
            }
        }
    }
}

/// Sessions that drop mostly do so before COMMIT is taken up: then its answer is the server's own word that it ended the session,
/// and nothing was committed. Once the server commits it does not listen any more, and says either that it has, or nothing.
///
/// Work is sent together with BEGIN, and ends where BEGIN fails: the session is in no transaction then, and what the work sends next
/// would take effect at once.
async fn transact<T, D, W, F>(
    connection: &Arc<Connection>,
    deadline: Instant,
    lost: bool,
    work: &W,
) -> Attempt<Result<T, D>>
where
    W: Fn(Tx) -> F,
    F: Future<Output = Result<T, Stop<D>>>,
{
    let opening = begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", deadline);
    let tx = Tx::new(connection, lost);
    let both = async {
        let begun = async { connection.command(&opening).await.map_err(|error| Stop::from(not_begun(error))) };
        try_join(begun, work(tx.clone())).await.map(|((), done)| done)
    };
    let done = timeout_at(deadline, both).await.unwrap_or_else(|_| Err(passed("transaction").into()));
    let commit = tx.commit_state().clone();
    match commit {
        Commit::NotSent => {}
        Commit::Sent => return Attempt::CommitUnknown(passed("COMMIT")),
        Commit::Answered(committed) => {
            connection.take_error();
            return match committed {
                Err(error) => not_committed(error),
                Ok(()) => match done {
                    Ok(value) => Attempt::Done(Ok(value)),
                    Err(Stop::Refused(refusal)) => Attempt::Done(Err(refusal)),
                    Err(Stop::Server(error)) => Attempt::Failed(error),
                },
            };
        }
    }
    let value = match (done, connection.take_error()) {
        (Err(Stop::Refused(refusal)), _) => {
            // Whether it is done or not, nothing is committed.
            if finish(connection, "ROLLBACK").await.is_err() {
                tracing::debug!("rollback failed");
            }
            return Attempt::Done(Err(refusal));
        }
        (Ok(_), Some(error)) | (Err(Stop::Server(error)), _) => {
            roll_back(connection, &error).await;
            return Attempt::Failed(error);
        }
        (Ok(value), None) => value,
    };
    if connection.is_closed() {
        return Attempt::Failed(Error::new(Kind::ConnectionLost, "the connection was closed before COMMIT"));
    }
    let last = std::mem::take(&mut *tx.0.at_commit.lock().unwrap_or_else(PoisonError::into_inner));
    // If one of the last statements fails, the server makes a ROLLBACK of the COMMIT behind it. Deferred triggers run now, with the path
    // that their authors expect.
    let commit = async {
        let done = connection.run_then(&last, "COMMIT").await;
        connection.take_error();
        done
    };
    match timeout_at(deadline, commit).await {
        Ok(Ok(())) => Attempt::Done(Ok(value)),
        Ok(Err(error)) => not_committed(error),
        Err(_) => Attempt::CommitUnknown(passed("COMMIT")),
    }
}

/// What an error in answer to BEGIN says: of what it asks for, a server can lack READ WRITE alone (0A000).
fn not_begun(error: Error) -> Error {
    if error.sqlstate() == Some("0A000") { error.with_kind(Kind::ReadOnlyServer) } else { error }
}

/// What an error in answer to COMMIT, or to what was sent with it, says.
fn not_committed<T>(error: Error) -> Attempt<T> {
    if error.kind().leaves_it_unknown() && !error.is_end_of_session() {
        return Attempt::CommitUnknown(error);
    }
    Attempt::Failed(error)
}
