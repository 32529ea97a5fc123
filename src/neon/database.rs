//! Databases of a branch, and who owns them.

use serde::Deserialize;

use super::client::Client;
use super::error::Error;
use super::ids::{BranchId, InvalidId, ProjectId};
use super::request::{Method, Path, Request, json};
use super::retry::Budget;

/// A database (`neon.md` A.5).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Database {
    /// Its number; the lowest is the branch's first database.
    #[serde(default)]
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The role that owns it, as which the provider logs in.
    pub owner_name: String,
}

#[derive(Deserialize)]
struct One {
    database: Database,
}

#[derive(Deserialize)]
struct Many {
    databases: Vec<Database>,
}

pub(crate) fn list(project: &ProjectId, branch: &BranchId) -> Request<Vec<Database>> {
    let path = Path::of("projects").id(project).word("branches").id(branch).word("databases");
    Request::new(Method::Get, path, |answer| json(answer).map(|many: Many| many.databases))
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<Database>, InvalidId> {
    let path = Path::of("projects").id(project).word("branches").id(branch).word("databases").name("database", name)?;
    Ok(Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.database)))
}

impl Client {
    /// All databases of a branch, oldest first.
    pub async fn list_databases(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<Database>, Error> {
        let mut databases = self.send(&list(project, branch), budget).await?;
        databases.sort_by(|a, b| (a.id, &a.name).cmp(&(b.id, &b.name)));
        Ok(databases)
    }

    /// Reads a database. `NotFound` means that it is gone only if the branch itself answers.
    pub async fn get_database(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Database, Error> {
        self.send(&get(project, branch, name)?, budget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let project = ProjectId::parse("p-1").expect("legal");
        let branch = BranchId::parse("br-1").expect("legal");
        assert_eq!(format!("{:?}", list(&project, &branch)), "GET /projects/p-1/branches/br-1/databases");
        let one = get(&project, &branch, "my db/ü").expect("legal");
        assert_eq!(format!("{one:?}"), "GET /projects/p-1/branches/br-1/databases/my%20db%2F%C3%BC");
        assert_eq!(get(&project, &branch, "").expect_err("empty").to_string(), "database is empty");
    }
}
