//! What can go wrong on the way into a database, beside what the API and the server say themselves.

use super::database::{Branch, Database};
use crate::neon::{self, ProjectId};
use crate::postgres;

/// Something that holds objects and is absent, although what holds it was read: then its objects are gone too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// The branch; the project answers.
    Branch,
    /// The database; the branch answers.
    Database,
}

/// Why there is no answer from a database.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The container is gone: what it held is gone, and nothing can be made in it.
    #[error("{what}")]
    Gone {
        /// What kind of thing is absent.
        container: Container,
        /// Its name, as in "branch `br-a` of project `p`".
        what: String,
        /// Databases that are there, where one was named that is not and the others are known.
        instead: Vec<String>,
    },
    /// The API answers 404 for the project: it is gone, or the key may not see it. No object's state may be dropped for it.
    #[error("{source}")]
    ProjectNotFound {
        project: ProjectId,
        /// The API's answer.
        source: neon::Error,
    },
    /// The API gave a pooled host although a direct one was asked for.
    #[error("the API gives the pooled host `{host}`, through which replication cannot be set up")]
    PooledHost { host: String },
    /// Nobody has the password of a role, so the provider cannot log in as it.
    #[error("the password of role `{role}` is not available: {why}")]
    NoPassword {
        role: String,
        /// A clause: the project does not store passwords, the role has none, or what the API answered.
        why: String,
    },
    /// The branch has no database to run SQL in.
    #[error("{0} has no database to run SQL in")]
    NoDatabase(Branch),
    /// The read-write endpoint is missing: no connection can wake it.
    #[error("{what}")]
    NoCompute {
        /// A sentence without its period.
        what: String,
    },
    /// An object of a Neon project, with a provider that reaches a server directly.
    #[error("the provider's `sql` block reaches one server directly, and this is an object of a Neon project")]
    NotNeon,
    /// An object of a server that is reached directly, with a provider for Neon.
    #[error("the provider has no `sql` block, and this is an object of a server that is reached directly")]
    NotDirect,
    /// The server of the provider's `sql` block rejects a password that the configuration gives.
    #[error("{source}")]
    LoginRejected { role: String, source: postgres::Error },
    /// What the API said.
    #[error("{0}")]
    Neon(#[from] neon::Error),
    /// What the server said, or why it is unreachable.
    #[error("{0}")]
    Postgres(#[from] postgres::Error),
}

impl Error {
    /// The caller's time was over, or the user has interrupted the run, while something was done on a server.
    pub(crate) fn ended(ended: neon::Ended, doing: &str) -> Self {
        let (kind, message) = match ended {
            neon::Ended::TimedOut => (postgres::Kind::Timeout, format!("the time limit was reached while {doing}")),
            neon::Ended::Cancelled => {
                (postgres::Kind::QueryCancelled, format!("the run was interrupted while {doing}"))
            }
        };
        Self::Postgres(postgres::Error::new(kind, message))
    }

    /// The branch is gone; the project answers.
    pub(crate) fn branch_gone(branch: &Branch) -> Self {
        let what = format!("{branch} of project `{}`", branch.project);
        Self::Gone { container: Container::Branch, what, instead: Vec::new() }
    }

    /// The database is gone; its server answers.
    pub(super) fn database_gone(database: &Database, instead: Vec<String>) -> Self {
        Self::Gone { container: Container::Database, what: database.to_string(), instead }
    }

    /// The branch has no compute that SQL can run on.
    pub(super) fn no_compute(branch: &Branch) -> Self {
        Self::NoCompute { what: format!("{branch} of project `{}` has no read-write compute", branch.project) }
    }

    /// The API's error for a project: its absence is told apart.
    pub(super) fn of_project(project: &ProjectId, error: neon::Error) -> Self {
        if error.is_not_found() {
            return Self::ProjectNotFound { project: project.clone(), source: error };
        }
        error.into()
    }

    /// Whether the API has no password for the role.
    pub(super) fn says_no_password(&self) -> bool {
        match self {
            Self::NoPassword { .. } => true,
            Self::Neon(error) => error.kind() == neon::Kind::PasswordsNotStored,
            _ => false,
        }
    }

    /// Whether the role cannot log in, although the database is there: nobody has its password, the API does not know it,
    /// or the server rejects it.
    pub(super) fn is_of_the_login(&self) -> bool {
        match self {
            Self::NoPassword { .. } | Self::LoginRejected { .. } => true,
            Self::Neon(error) => matches!(error.kind(), neon::Kind::NotFound | neon::Kind::PasswordsNotStored),
            Self::Postgres(error) => error.kind() == postgres::Kind::AuthFailed,
            _ => false,
        }
    }

    /// Whether an object of the container is gone with it.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// The kind of a server's refusal.
    pub(crate) fn postgres_kind(&self) -> Option<postgres::Kind> {
        match self {
            Self::Postgres(error) | Self::LoginRejected { source: error, .. } => Some(error.kind()),
            _ => None,
        }
    }
}
