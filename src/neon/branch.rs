//! Branches: reading one, finding the default one, listing all.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::client::Client;
use super::error::{Error, Kind};
use super::ids::{BranchId, ProjectId};
use super::request::{Method, Path, Request, json};
use super::retry::Budget;

/// Branches per page; the API allows up to 10000.
const PAGE: &str = "1000";

/// A branch, as far as we use it (`neon.md` A.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Its id.
    pub id: BranchId,
    /// Its name, for messages.
    #[serde(default)]
    pub name: String,
    /// The branch it was made from; none for a root.
    #[serde(default)]
    pub parent_id: Option<BranchId>,
    /// Whether it may not be deleted or reset.
    #[serde(default)]
    pub protected: bool,
    /// What it is doing.
    #[serde(default)]
    pub current_state: State,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    primary: bool,
}

impl Branch {
    /// Whether calls that name no branch mean this one; `primary` is the older word for it.
    pub fn is_default(&self) -> bool {
        self.default || self.primary
    }
}

/// A branch's state; the API's document leaves the list open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum State {
    /// Being made.
    Init,
    /// Being reset to its parent.
    Resetting,
    /// In use.
    #[default]
    Ready,
    /// Put away: it wakes on the first connection, slowly.
    Archived,
    /// A value newer than this provider.
    Other(String),
}

impl From<String> for State {
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

/// One page of branches.
#[derive(Deserialize)]
pub(crate) struct Page {
    branches: Vec<Branch>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

/// The API names the cursor `next` for branches and `cursor` elsewhere; either is taken.
#[derive(Deserialize)]
struct Pagination {
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

impl Page {
    fn cursor(&self) -> Option<String> {
        let pagination = self.pagination.as_ref()?;
        pagination.next.clone().or_else(|| pagination.cursor.clone()).filter(|cursor| !cursor.is_empty())
    }
}

pub(crate) fn get(project: &ProjectId, branch: &BranchId) -> Request<Branch> {
    let path = Path::of("projects").id(project).word("branches").id(branch);
    Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.branch))
}

pub(crate) fn list(project: &ProjectId, cursor: Option<&str>) -> Request<Page> {
    let path = Path::of("projects").id(project).word("branches");
    let request = Request::new(Method::Get, path, json::<Page>).query("limit", PAGE);
    match cursor {
        Some(cursor) => request.query("cursor", cursor),
        None => request,
    }
}

impl Client {
    /// Reads a branch. `NotFound` means that it is gone only if the project itself answers.
    pub async fn get_branch(&self, project: &ProjectId, branch: &BranchId, budget: &Budget) -> Result<Branch, Error> {
        self.send(&get(project, branch), budget).await
    }

    /// All branches of the project, by id.
    pub async fn list_branches(&self, project: &ProjectId, budget: &Budget) -> Result<Vec<Branch>, Error> {
        let mut all = Vec::new();
        self.each_page(project, budget, |page| {
            all.extend(page);
            false
        })
        .await?;
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        Ok(all)
    }

    /// The branch that calls without a branch mean; every project has one.
    pub async fn default_branch(&self, project: &ProjectId, budget: &Budget) -> Result<Branch, Error> {
        let mut default = None;
        self.each_page(project, budget, |page| {
            default = page.into_iter().find(Branch::is_default);
            default.is_some()
        })
        .await?;
        default.ok_or_else(|| {
            Error::new(Kind::NotJson, format!("none of the branches of project `{project}` is its default"))
        })
    }

    /// Pages until the caller has enough, a page is empty, or a cursor is absent or repeated.
    async fn each_page(
        &self,
        project: &ProjectId,
        budget: &Budget,
        mut enough: impl FnMut(Vec<Branch>) -> bool + Send,
    ) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.send(&list(project, cursor.as_deref()), budget).await?;
            let next = page.cursor();
            if page.branches.is_empty() || enough(page.branches) {
                return Ok(());
            }
            match next {
                Some(next) if seen.insert(next.clone()) => cursor = Some(next),
                _ => return Ok(()),
            }
        }
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
    fn the_cursor_goes_by_two_names() {
        let cursor = |text: &str| serde_json::from_str::<Page>(text).expect("a page").cursor();
        assert_eq!(cursor(r#"{"branches":[],"pagination":{"next":"n","sort_by":"x"}}"#).as_deref(), Some("n"));
        assert_eq!(cursor(r#"{"branches":[],"pagination":{"cursor":"c"}}"#).as_deref(), Some("c"));
        for last in [
            r#"{"branches":[]}"#,
            r#"{"branches":[],"pagination":{"next":""}}"#,
            r#"{"branches":[],"pagination":null}"#,
        ] {
            assert_eq!(cursor(last), None, "{last}");
        }
    }

    #[test]
    fn a_branch_is_read_leniently() {
        let read = |text: &str| serde_json::from_str::<Branch>(text).expect("a branch");
        let old = read(r#"{"id":"br-1","primary":true,"current_state":"frozen"}"#);
        assert!(old.is_default());
        assert_eq!(old.current_state, State::Other("frozen".to_owned()));
        let new = read(r#"{"id":"br-1","name":"main","default":false,"protected":true,"current_state":"archived"}"#);
        assert!(!new.is_default() && new.protected);
        assert_eq!(new.current_state, State::Archived);
    }
}
