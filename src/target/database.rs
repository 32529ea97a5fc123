//! Where an object is: what a configuration says, and what that resolves to.
//!
//! A server is a branch of a Neon project, or one server that is reached directly (the provider's `sql` block). What a
//! server is decides how to get in and what advice helps, so both travel together through snapshots, natural keys, ids
//! and messages.

use std::fmt;

use crate::neon::{BranchId, ProjectId};
use crate::postgres::DatabaseName;

/// A branch of a Neon project: the smallest unit that has a server of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Branch {
    pub(crate) project: ProjectId,
    pub(crate) id: BranchId,
}

/// One Postgres server, resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    /// The compute of a branch.
    Neon(Branch),
    /// The server of the provider's `sql` block. Ids call it `sql/-`: its host may change without its objects changing.
    Direct,
}

/// One database of one server, resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Database {
    pub(crate) server: Server,
    pub(crate) name: DatabaseName,
}

/// What a configuration says of the server: the branch may be left to the project's default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerLocation {
    Neon {
        project: ProjectId,
        /// `None` is the default branch, whichever that is.
        branch: Option<BranchId>,
    },
    Direct,
}

/// What a configuration says of the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DatabaseLocation {
    pub(crate) server: ServerLocation,
    pub(crate) name: DatabaseName,
}

/// First part of the ids of objects on a server that is reached directly.
const DIRECT: [&str; 2] = ["sql", "-"];

impl Server {
    pub(crate) fn neon(project: ProjectId, branch: BranchId) -> Self {
        Self::Neon(Branch { project, id: branch })
    }

    /// The server that the first two parts of an id name. The error is a sentence without its period.
    pub(crate) fn parse(project: &str, branch: &str) -> Result<Self, String> {
        if [project, branch] == DIRECT {
            return Ok(Self::Direct);
        }
        Ok(Self::neon(
            ProjectId::parse(project).map_err(|wrong| wrong.to_string())?,
            BranchId::parse(branch).map_err(|wrong| wrong.to_string())?,
        ))
    }

    /// The first two parts of an id.
    pub(crate) fn parts(&self) -> [&str; 2] {
        match self {
            Self::Neon(branch) => [branch.project.as_str(), branch.id.as_str()],
            Self::Direct => DIRECT,
        }
    }

    pub(crate) fn branch(&self) -> Option<&Branch> {
        match self {
            Self::Neon(branch) => Some(branch),
            Self::Direct => None,
        }
    }

    pub(crate) fn project_id(&self) -> Option<&ProjectId> {
        self.branch().map(|it| &it.project)
    }

    pub(crate) fn branch_id(&self) -> Option<&BranchId> {
        self.branch().map(|it| &it.id)
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "branch `{}`", self.id)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neon(branch) => branch.fmt(f),
            Self::Direct => f.write_str("the server"),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::Neon(branch) => write!(f, "database `{}` of {branch}", self.name),
            Server::Direct => write!(f, "database `{}`", self.name),
        }
    }
}

impl fmt::Display for ServerLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neon { branch: Some(branch), .. } => write!(f, "branch `{branch}`"),
            Self::Neon { project, branch: None } => write!(f, "the default branch of project `{project}`"),
            Self::Direct => f.write_str("the server"),
        }
    }
}

impl fmt::Display for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            ServerLocation::Direct => write!(f, "database `{}`", self.name),
            server @ ServerLocation::Neon { .. } => write!(f, "database `{}` of {server}", self.name),
        }
    }
}

impl From<Server> for ServerLocation {
    fn from(server: Server) -> Self {
        match server {
            Server::Neon(branch) => Self::Neon { project: branch.project, branch: Some(branch.id) },
            Server::Direct => Self::Direct,
        }
    }
}

impl From<Database> for DatabaseLocation {
    fn from(database: Database) -> Self {
        Self { server: database.server.into(), name: database.name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_branch_or_reached_directly() {
        let branch = Server::parse("shiny-wind-028834", "br-aged-salad-637688").unwrap();
        assert_eq!(branch.parts(), ["shiny-wind-028834", "br-aged-salad-637688"]);
        assert_eq!(Server::parse("sql", "-"), Ok(Server::Direct));
        assert_eq!(Server::Direct.parts(), ["sql", "-"]);
        for (project, branch) in [("Big", "br-a"), ("p", ""), ("p", "Br")] {
            assert!(Server::parse(project, branch).is_err(), "{project}/{branch}");
        }
    }

    #[test]
    fn a_database_is_named_with_what_holds_it() {
        let name = DatabaseName::parse("neondb").unwrap();
        let of = |server| Database { server, name: name.clone() }.to_string();
        assert_eq!(of(Server::parse("p", "br-a").unwrap()), "database `neondb` of branch `br-a`");
        assert_eq!(of(Server::Direct), "database `neondb`");
    }
}
