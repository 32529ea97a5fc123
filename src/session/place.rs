//! Where a database object is: what a configuration says, and what it comes to.

use std::fmt;

use crate::neon::{BranchId, ProjectId};
use crate::postgres::DatabaseName;

/// What a configuration says: the branch may be left to the project's default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The project.
    pub project: ProjectId,
    /// The branch; `None` is the default branch, whichever that is.
    pub branch: Option<BranchId>,
    /// The database.
    pub database: DatabaseName,
}

/// One database of one branch of one project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The project.
    pub project: ProjectId,
    /// The branch.
    pub branch: BranchId,
    /// The database.
    pub database: DatabaseName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database `{}` of branch `{}`", self.database, self.branch)
    }
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        Self { project: place.project, branch: Some(place.branch), database: place.database }
    }
}
