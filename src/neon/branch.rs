//! Branches: the project's data at one point, each with servers of its own.

use serde::Deserialize;

use super::ids::{BranchId, ProjectId};
use super::paging::{Page, Pagination};
use super::request::{Answer, Method, Path, Request, json, or_default};

/// Branches per page. The API allows up to 10000.
const PAGE: &str = "1000";

/// A branch (`Branch` of Neon's API document), without the fields that are not used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Branch {
    /// Stays when the branch is renamed or reset.
    pub id: BranchId,
    /// For messages.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The branch it was created from; `None` for a root branch. Slots are not inherited, and subscriptions are dropped at the
    /// first start.
    #[serde(default)]
    pub parent_id: Option<BranchId>,
    /// Whether it can neither be deleted nor reset nor archived.
    #[serde(default, deserialize_with = "or_default")]
    pub protected: bool,
    /// What it is doing.
    #[serde(default, deserialize_with = "or_default")]
    pub current_state: BranchState,
    /// When Neon deletes it (RFC 3339).
    #[serde(default)]
    pub expires_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    default: bool,
    #[serde(default, deserialize_with = "or_default")]
    primary: bool,
}

impl Branch {
    /// Whether calls that name no branch mean this one. `primary` is the older word for it.
    pub(crate) fn is_default(&self) -> bool {
        self.default || self.primary
    }
}

/// A branch's state. Neon's document leaves the list open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum BranchState {
    /// Being created.
    Init,
    /// Being reset to its parent.
    Resetting,
    /// In use.
    #[default]
    Ready,
    /// In cheaper storage after a time without use.
    Archived,
    /// A value that this provider does not know.
    Other(String),
}

impl From<String> for BranchState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "init" => Self::Init,
            "resetting" => Self::Resetting,
            "ready" => Self::Ready,
            "archived" => Self::Archived,
            _ => Self::Other(text),
        }
    }
}

#[derive(Deserialize)]
struct One {
    branch: Branch,
}

#[derive(Deserialize)]
struct Many {
    branches: Vec<Branch>,
    #[serde(default, deserialize_with = "or_default")]
    pagination: Pagination,
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId) -> Request<Branch> {
    let path = Path::of("projects").id(project).word("branches").id(branch);
    Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.branch))
}

pub(crate) fn list(project: &ProjectId, cursor: Option<&str>) -> Request<Page<Branch>> {
    let path = Path::of("projects").id(project).word("branches");
    let read = |answer: Answer<'_>| json(answer).map(|it: Many| Page { items: it.branches, pagination: it.pagination });
    let request = Request::new(Method::Get, path, read).query("limit", PAGE);
    match cursor {
        Some(cursor) => request.query("cursor", cursor),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let project = ProjectId::parse("p-1").expect("legal");
        let branch = BranchId::parse("br-1").expect("legal");
        assert_eq!(format!("{:?}", get(&project, &branch)), "GET /projects/p-1/branches/br-1");
        assert_eq!(format!("{:?}", list(&project, None)), "GET /projects/p-1/branches?limit=1000");
        assert_eq!(
            format!("{:?}", list(&project, Some("a/b="))),
            "GET /projects/p-1/branches?limit=1000&cursor=a%2Fb%3D"
        );
    }

    #[test]
    fn a_branch_is_read_leniently() {
        let read = |text: &str| serde_json::from_str::<Branch>(text).expect("a branch");
        let old = read(r#"{"id":"br-1","primary":true,"current_state":"frozen"}"#);
        assert!(old.is_default());
        assert_eq!(old.current_state, BranchState::Other("frozen".to_owned()));
        let new = read(r#"{"id":"br-1","name":"main","default":false,"protected":true,"current_state":"archived"}"#);
        assert!(!new.is_default() && new.protected);
        assert_eq!(new.current_state, BranchState::Archived);
        let nulls = read(
            r#"{"id":"br-1","name":null,"protected":null,"current_state":null,"parent_id":null,"expires_at":null}"#,
        );
        assert_eq!((nulls.name.as_str(), nulls.protected, &nulls.current_state), ("", false, &BranchState::Ready));
        let child =
            read(r#"{"id":"br-2","parent_id":"br-1","expires_at":"2026-12-01T00:00:00Z","init_source":"import"}"#);
        assert_eq!(child.parent_id.map(String::from).as_deref(), Some("br-1"));
        assert_eq!(child.expires_at.as_deref(), Some("2026-12-01T00:00:00Z"));
    }
}
