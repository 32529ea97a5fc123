//! A transaction of a handler: what stops it, and what a lost COMMIT means.

use tfplugin::{AttributePath, Diagnostic, Diagnostics};

use super::call::Call;
use crate::postgres::{self, Kind, Tx};

/// Why a transaction's work did not come to its end. Either way everything is rolled back.
pub(crate) type Stop = postgres::Stop<Diagnostics>;

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
    W: Fn(Tx, Attempt) -> F,
    F: Future<Output = Result<T, Stop>>,
{
    let attempt = |tx: &Tx| Attempt { after_lost_commit: tx.commit_was_lost() };
    session.settled(|tx| work(tx.clone(), attempt(&tx))).await
}
