//! Roles made by the API, and their passwords.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::change::{Changed, Pending};
use super::client::Client;
use super::error::{Error, Kind, found};
use super::ids::{BranchId, InvalidId, ProjectId};
use super::operations::Operation;
use super::request::{self, Answer, Method, Path, Request, Unreadable};
use super::retry::Budget;
use crate::secret::Secret;

/// A role (`neon.md` A.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// In the answers to create and reset only, and not after a lost answer.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// Whether it is one of Neon's own.
    #[serde(default)]
    pub protected: Option<bool>,
    /// `password`, `oauth`, `no_login`; a plain text in the API's document.
    #[serde(default)]
    pub authentication_method: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()).map(Secret::new))
}

/// What came of asking for a new role.
#[derive(Debug)]
pub enum RoleCreation {
    /// The role is ours; its password works when the operations have ended.
    Made(Pending<Role>),
    /// A role of that name was there before; nothing was changed.
    Existed(Role),
}

#[derive(Deserialize)]
struct One {
    role: Role,
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Many {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Gone {
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Revealed {
    password: String,
}

fn roles(project: &ProjectId, branch: &BranchId) -> Path {
    Path::of("projects").id(project).word("branches").id(branch).word("roles")
}

fn one(answer: Answer<'_>) -> Result<Changed<Role>, Unreadable> {
    request::json(answer).map(|answer: One| (answer.role, answer.operations))
}

pub(crate) fn list(project: &ProjectId, branch: &BranchId) -> Request<Vec<Role>> {
    Request::new(Method::Get, roles(project, branch), |answer| request::json(answer).map(|many: Many| many.roles))
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<Role>, InvalidId> {
    let path = roles(project, branch).name("role", name)?;
    Ok(Request::new(Method::Get, path, |answer| one(answer).map(|(role, _)| role)))
}

pub(crate) fn create(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<Changed<Role>>, InvalidId> {
    super::ids::check_name("role", name)?;
    Ok(Request::new(Method::Post, roles(project, branch), one).body(json!({ "role": { "name": name } })))
}

/// 200 with operations, or 204 without a body when there was no such role.
pub(crate) fn delete(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<Changed<()>>, InvalidId> {
    let path = roles(project, branch).name("role", name)?;
    Ok(Request::new(Method::Delete, path, |answer| {
        if answer.status == 204 || answer.body.trim_ascii().is_empty() {
            return Ok(((), Vec::new()));
        }
        request::json(answer).map(|gone: Gone| ((), gone.operations))
    }))
}

pub(crate) fn reset_password(
    project: &ProjectId,
    branch: &BranchId,
    name: &str,
) -> Result<Request<Changed<Role>>, InvalidId> {
    let path = roles(project, branch).name("role", name)?.word("reset_password");
    Ok(Request::new(Method::Post, path, one))
}

pub(crate) fn reveal_password(
    project: &ProjectId,
    branch: &BranchId,
    name: &str,
) -> Result<Request<Secret>, InvalidId> {
    let path = roles(project, branch).name("role", name)?.word("reveal_password");
    Ok(Request::new(Method::Get, path, |answer| {
        request::json(answer).map(|revealed: Revealed| Secret::new(revealed.password))
    }))
}

impl Client {
    /// All roles of a branch, by name, Neon's own among them.
    pub async fn list_roles(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<Role>, Error> {
        let mut roles = self.send(&list(project, branch), budget).await?;
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(roles)
    }

    /// Reads a role, without its password. `NotFound` means that it is gone only if the branch itself answers.
    pub async fn get_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Role, Error> {
        self.send(&get(project, branch, name)?, budget).await
    }

    /// Makes a role, and knows whose it is: the API is asked for it first, so that one found after a lost answer, or a 409 to our own
    /// repetition, is ours. Its password is then not in hand: reveal it.
    pub async fn create_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<RoleCreation, Error> {
        let (create, get) = (create(project, branch, name)?, get(project, branch, name)?);
        let turn = self.turn(project, budget).await?;
        if let Some(role) = found(self.send(&get, budget).await)? {
            return Ok(RoleCreation::Existed(role));
        }
        match self.change(turn, &create, &get, found, budget).await {
            Ok(pending) => Ok(RoleCreation::Made(pending)),
            // Someone else was quicker: no try of ours can have made it, or reading would have settled it.
            Err(conflict) if conflict.kind() == Kind::Conflict => match found(self.send(&get, budget).await)? {
                Some(role) => Ok(RoleCreation::Existed(role)),
                None => Err(conflict),
            },
            Err(error) => Err(error),
        }
    }

    /// Deletes a role; one that is not there is a success. What it owns goes to the owner of the database it is in.
    ///
    /// Errors: `NotFound` if project or branch are not there; a refusal (a role that owns a database) as `Rejected` or `Conflict`.
    pub async fn delete_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Option<Pending<()>>, Error> {
        let (delete, get) = (delete(project, branch, name)?, get(project, branch, name)?);
        let turn = self.turn(project, budget).await?;
        let gone = |read: Result<Role, Error>| Ok(if found(read)?.is_none() { Some(()) } else { None });
        match self.change(turn, &delete, &get, gone, budget).await {
            Ok(pending) => Ok(Some(pending)),
            // No refusal means "gone" unless a read says so.
            Err(refused) if matches!(refused.kind(), Kind::Rejected | Kind::Conflict) => {
                match found(self.send(&get, &budget.for_settling()).await) {
                    Ok(None) => Ok(None),
                    Ok(Some(_)) | Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the role a new password; connections of it drop. After a lost answer it is reset once more, for the new one is not known.
    pub async fn reset_password(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Pending<Role>, Error> {
        let (reset, get) = (reset_password(project, branch, name)?, get(project, branch, name)?);
        let turn = self.turn(project, budget).await?;
        self.change(turn, &reset, &get, |read| read.map(|_| None), budget).await
    }

    /// The password that Neon keeps. `PasswordsNotStored` if the project keeps none.
    pub async fn reveal_password(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Secret, Error> {
        self.send(&reveal_password(project, branch, name)?, budget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (ProjectId, BranchId) {
        (ProjectId::parse("p-1").expect("legal"), BranchId::parse("br-1").expect("legal"))
    }

    #[test]
    fn requests() {
        let (p, b) = ids();
        let base = "/projects/p-1/branches/br-1/roles";
        assert_eq!(format!("{:?}", list(&p, &b)), format!("GET {base}"));
        assert_eq!(format!("{:?}", get(&p, &b, "a b/c%d").expect("legal")), format!("GET {base}/a%20b%2Fc%25d"));
        assert_eq!(
            format!("{:?}", create(&p, &b, "a \"b").expect("legal")),
            format!(r#"POST {base} {{"role":{{"name":"a \"b"}}}}"#)
        );
        assert_eq!(format!("{:?}", delete(&p, &b, "r").expect("legal")), format!("DELETE {base}/r"));
        assert_eq!(
            format!("{:?}", reset_password(&p, &b, "r").expect("legal")),
            format!("POST {base}/r/reset_password")
        );
        assert_eq!(
            format!("{:?}", reveal_password(&p, &b, "r").expect("legal")),
            format!("GET {base}/r/reveal_password")
        );
        for bad in ["", ".", ".."] {
            assert!(create(&p, &b, bad).is_err() && delete(&p, &b, bad).is_err() && get(&p, &b, bad).is_err());
        }
    }

    #[test]
    fn an_absent_role_is_deleted_without_a_body() {
        let (p, b) = ids();
        let delete = delete(&p, &b, "r").expect("legal");
        assert_eq!((delete.read)(Answer { status: 204, body: b"" }), Ok(((), vec![])));
        let body = br#"{"role":{"name":"r"},"operations":[{"id":"op-1","status":"running"}]}"#;
        let operations = (delete.read)(Answer { status: 200, body }).expect("readable").1;
        assert_eq!(operations.len(), 1);
    }

    #[test]
    fn a_password_is_read_and_never_shown() {
        let (p, b) = ids();
        let create = create(&p, &b, "r").expect("legal");
        let body = br#"{"role":{"branch_id":"br-1","name":"r","password":"npg_x","protected":false},"operations":[]}"#;
        let (role, _) = (create.read)(Answer { status: 201, body }).expect("readable");
        assert_eq!(role.password.as_ref().map(Secret::expose), Some("npg_x"));
        assert!(!format!("{role:?}").contains("npg_x"));
    }
}
