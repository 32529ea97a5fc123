//! A transaction of a handler: what stops it, and what a lost COMMIT means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tfplugin::{AttributePath, Diagnostic, Diagnostics};
use tokio::time::Instant;

use super::call::Call;
use crate::postgres::{self, Connection, Kind};

/// Why a transaction's work did not come to its end. Either way everything is rolled back.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server refused a statement, or the connection was lost.
    Server(postgres::Error),
    /// What was read shows that the change must not be made.
    Refused(Diagnostics),
}

/// Which run of the work this is. A transaction runs again when its connection or its lock was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// COMMIT was sent before and its answer was lost: what is found may be the work's own.
    pub(crate) after_lost_commit: bool,
}

impl Stop {
    /// The message for the user; `at` names the attribute to look at.
    pub(crate) fn explain(self, call: &Call<'_>, at: impl FnOnce(&postgres::Error) -> AttributePath) -> Diagnostics {
        match self {
            Self::Server(error) => {
                let at = at(&error);
                call.refused(&error, at)
            }
            Self::Refused(problems) => problems,
        }
    }

    /// The kind of the server's refusal.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Server(error) => Some(error.kind()),
            Self::Refused(_) => None,
        }
    }
}

impl From<postgres::Error> for Stop {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<Diagnostic> for Stop {
    fn from(problem: Diagnostic) -> Self {
        Self::Refused(problem.into())
    }
}

impl From<Diagnostics> for Stop {
    fn from(problems: Diagnostics) -> Self {
        Self::Refused(problems)
    }
}

/// Runs the work in a transaction. After a lost COMMIT it runs again: it reads what is there first, and so finds that it
/// is done.
pub(super) async fn run<T, W, F>(session: &mut postgres::Session, work: W) -> Result<T, Stop>
where
    W: Fn(Arc<Connection>, Attempt) -> F,
    F: Future<Output = Result<T, Stop>>,
{
    let lost = AtomicBool::new(false);
    // A transaction commits what ends in `Ok`, so a refusal must leave it as an error and is kept beside it.
    let refused: Mutex<Option<Diagnostics>> = Mutex::default();
    loop {
        let attempt = Attempt { after_lost_commit: lost.load(Ordering::Relaxed) };
        let outcome = session
            .transaction(|tx| {
                let work = work(tx, attempt);
                async {
                    work.await.map_err(|stop| match stop {
                        Stop::Server(error) => error,
                        Stop::Refused(problems) => {
                            *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(problems);
                            postgres::Error::new(Kind::Other, "refused by the provider")
                        }
                    })
                }
            })
            .await;
        if let Some(problems) = refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(Stop::Refused(problems));
        }
        match outcome {
            Ok(done) => return Ok(done),
            Err(error) if error.kind() == Kind::CommitUnknown && Instant::now() < session.deadline() => {
                tracing::debug!(%error, "reading whether the transaction was committed");
                lost.store(true, Ordering::Relaxed);
            }
            Err(error) => return Err(Stop::Server(error)),
        }
    }
}
