//! Roles that the API knows, and their passwords.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::ids::{BranchId, InvalidId, ProjectId, check_name};
use super::operation::{Changed, Operation};
use super::request::{self, Answer, Method, Path, Request, Unreadable, or_default};
use crate::secret::Secret;

/// A role as the API knows it (`Role` of Neon's API document).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiRole {
    /// Unique in the branch. The API cannot rename a role.
    pub name: String,
    /// Only in the answers to create and reset, and not after a lost answer.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// Whether it is one of Neon's own.
    #[serde(default)]
    pub protected: Option<bool>,
    /// `password`, `oauth` or `no_login`. Neon's document leaves the list open.
    #[serde(default)]
    pub authentication_method: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()).map(Secret::new))
}

#[derive(Deserialize)]
struct One {
    role: ApiRole,
    #[serde(default, deserialize_with = "or_default")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Many {
    roles: Vec<ApiRole>,
}

#[derive(Deserialize)]
struct Gone {
    #[serde(default, deserialize_with = "or_default")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Revealed {
    password: String,
}

fn roles_of(project: &ProjectId, branch: &BranchId) -> Path {
    Path::of("projects").id(project).word("branches").id(branch).word("roles")
}

fn one(answer: Answer<'_>) -> Result<Changed<ApiRole>, Unreadable> {
    request::json(answer).map(|answer: One| (answer.role, answer.operations))
}

/// All roles of a branch by name, Neon's own included.
pub(crate) fn list(project: &ProjectId, branch: &BranchId) -> Request<Vec<ApiRole>> {
    Request::new(Method::Get, roles_of(project, branch), |answer| {
        let Many { mut roles } = request::json(answer)?;
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(roles)
    })
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<ApiRole>, InvalidId> {
    let path = roles_of(project, branch).name("role", name)?;
    Ok(Request::new(Method::Get, path, |answer| one(answer).map(|(role, _)| role)))
}

pub(crate) fn create(
    project: &ProjectId,
    branch: &BranchId,
    name: &str,
) -> Result<Request<Changed<ApiRole>>, InvalidId> {
    check_name("role", name)?;
    Ok(Request::new(Method::Post, roles_of(project, branch), one).body(json!({ "role": { "name": name } })))
}

/// Answered by 200 with operations, or by 204 without a body when there was no such role.
pub(crate) fn delete(project: &ProjectId, branch: &BranchId, name: &str) -> Result<Request<Changed<()>>, InvalidId> {
    let path = roles_of(project, branch).name("role", name)?;
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
) -> Result<Request<Changed<ApiRole>>, InvalidId> {
    let path = roles_of(project, branch).name("role", name)?.word("reset_password");
    Ok(Request::new(Method::Post, path, one))
}

pub(crate) fn reveal_password(
    project: &ProjectId,
    branch: &BranchId,
    name: &str,
) -> Result<Request<Secret>, InvalidId> {
    let path = roles_of(project, branch).name("role", name)?.word("reveal_password");
    Ok(Request::new(Method::Get, path, |answer| {
        request::json(answer).map(|revealed: Revealed| Secret::new(revealed.password))
    }))
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
