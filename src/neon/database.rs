//! Databases of a branch, and the roles that own them.

use serde::Deserialize;

use super::ids::{BranchId, InvalidId, ProjectId};
use super::request::{Method, Path, Request, json};

/// A database as the API knows it (`Database` of Neon's API document).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiDatabase {
    /// Its identity: it stays when the database is renamed. The lowest is that of the branch's first database.
    pub id: i64,
    /// Unique in the branch.
    pub name: String,
    /// The role that owns it and as which the provider logs in.
    pub owner_name: String,
}

#[derive(Deserialize)]
struct One {
    database: ApiDatabase,
}

#[derive(Deserialize)]
struct Many {
    databases: Vec<ApiDatabase>,
}

/// All databases of a branch, oldest first.
pub(crate) fn list(project: &ProjectId, branch: &BranchId) -> Request<Vec<ApiDatabase>> {
    let path = Path::of("projects").id(project).word("branches").id(branch).word("databases");
    Request::new(Method::Get, path, |answer| {
        let Many { mut databases } = json(answer)?;
        databases.sort_by(|a, b| (a.id, &a.name).cmp(&(b.id, &b.name)));
        Ok(databases)
    })
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<ApiDatabase>, InvalidId> {
    let path = Path::of("projects").id(project).word("branches").id(branch).word("databases").name("database", name)?;
    Ok(Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.database)))
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

    #[test]
    fn databases_come_oldest_first_with_their_ids() {
        let project = ProjectId::parse("p-1").expect("legal");
        let branch = BranchId::parse("br-1").expect("legal");
        let body = br#"{"databases":[{"id":9,"name":"a","owner_name":"o","x":1},{"id":834686,"name":"b","owner_name":"o"},{"id":2,"name":"c","owner_name":"p"}]}"#;
        let read =
            (list(&project, &branch).read)(super::super::request::Answer { status: 200, body }).expect("readable");
        assert_eq!(
            read.iter().map(|it| (it.id, it.name.as_str())).collect::<Vec<_>>(),
            [(2, "c"), (9, "a"), (834_686, "b")]
        );
    }
}
