//! Endpoints: the computes of a branch. Each branch has at most one that writes.

use serde::Deserialize;

use super::change::{Changed, Pending};
use super::client::Client;
use super::error::Error;
use super::ids::{BranchId, EndpointId, ProjectId};
use super::operations::{self, Operation};
use super::request::{Method, Path, Request, json};
use super::retry::Budget;

/// An endpoint, as far as we use it (`neon.md` A.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The direct host; never compose one, it may carry a cell label.
    #[serde(default)]
    pub host: String,
    /// Its branch.
    pub branch_id: BranchId,
    /// Whether it writes.
    #[serde(rename = "type")]
    pub kind: EndpointKind,
    /// What it is doing.
    #[serde(default)]
    pub current_state: EndpointState,
    /// A disabled endpoint is not woken by connections.
    #[serde(default)]
    pub disabled: bool,
}

/// Whether an endpoint writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum EndpointKind {
    /// The one that writes: publications and slots live here.
    ReadWrite,
    /// A read replica.
    ReadOnly,
    /// A value newer than this provider.
    Other(String),
}

impl From<String> for EndpointKind {
    fn from(text: String) -> Self {
        match text.as_str() {
            "read_write" => Self::ReadWrite,
            "read_only" => Self::ReadOnly,
            _ => Self::Other(text),
        }
    }
}

/// What an endpoint is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum EndpointState {
    /// Being made.
    #[default]
    Init,
    /// Awake.
    Active,
    /// Asleep; a connection wakes it.
    Idle,
    /// A value newer than this provider.
    Other(String),
}

impl From<String> for EndpointState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "init" => Self::Init,
            "active" => Self::Active,
            "idle" => Self::Idle,
            _ => Self::Other(text),
        }
    }
}

#[derive(Deserialize)]
struct One {
    endpoint: Endpoint,
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Many {
    endpoints: Vec<Endpoint>,
}

pub(crate) fn list(project: &ProjectId, branch: &BranchId) -> Request<Vec<Endpoint>> {
    let path = Path::of("projects").id(project).word("branches").id(branch).word("endpoints");
    Request::new(Method::Get, path, |answer| json(answer).map(|many: Many| many.endpoints))
}

fn changed(project: &ProjectId, endpoint: &EndpointId, verb: &'static str) -> Request<Changed<Endpoint>> {
    let path = Path::of("projects").id(project).word("endpoints").id(endpoint).word(verb);
    Request::new(Method::Post, path, |answer| json(answer).map(|one: One| (one.endpoint, one.operations)))
}

pub(crate) fn get(project: &ProjectId, endpoint: &EndpointId) -> Request<Endpoint> {
    let path = Path::of("projects").id(project).word("endpoints").id(endpoint);
    Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.endpoint))
}

pub(crate) fn restart(project: &ProjectId, endpoint: &EndpointId) -> Request<Changed<Endpoint>> {
    changed(project, endpoint, "restart")
}

impl Client {
    /// All endpoints of a branch.
    pub async fn list_endpoints(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<Endpoint>, Error> {
        self.send(&list(project, branch), budget).await
    }

    /// The endpoint of a branch that writes, if it has one.
    pub async fn read_write_endpoint(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Option<Endpoint>, Error> {
        let endpoints = self.list_endpoints(project, branch, budget).await?;
        Ok(endpoints.into_iter().find(|endpoint| endpoint.kind == EndpointKind::ReadWrite))
    }

    /// Restarts a compute: suspends and starts it, all its connections drop.
    pub async fn restart_endpoint(
        &self,
        project: &ProjectId,
        endpoint: &EndpointId,
        budget: &Budget,
    ) -> Result<Pending<Endpoint>, Error> {
        let turn = self.turn(project, budget).await?;
        let before = self.send(&get(project, endpoint), budget).await?;
        // A restart leaves no mark but its operations: none under way after a lost answer, and it is asked for again.
        let took_effect = |read: Result<Vec<Operation>, Error>| {
            read.map(|operations| {
                let of_this = |operation: &Operation| operation.endpoint_id.as_ref() == Some(endpoint);
                operations
                    .iter()
                    .any(|operation| operation.status.is_under_way() && of_this(operation))
                    .then(|| before.clone())
            })
        };
        self.change(turn, &restart(project, endpoint), &operations::list(project), took_effect, budget).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let project = ProjectId::parse("p-1").expect("legal");
        let branch = BranchId::parse("br-1").expect("legal");
        let endpoint = EndpointId::parse("ep-1").expect("legal");
        assert_eq!(format!("{:?}", list(&project, &branch)), "GET /projects/p-1/branches/br-1/endpoints");
        assert_eq!(format!("{:?}", get(&project, &endpoint)), "GET /projects/p-1/endpoints/ep-1");
        assert_eq!(format!("{:?}", restart(&project, &endpoint)), "POST /projects/p-1/endpoints/ep-1/restart");
    }

    #[test]
    fn an_endpoint_is_read_leniently() {
        let read: Endpoint = serde_json::from_str(
            r#"{"id":"ep-1","host":"ep-1.c-2.us-east-1.aws.neon.tech","branch_id":"br-1","type":"read_write",
                "current_state":"hibernating","disabled":true,"settings":{}}"#,
        )
        .expect("an endpoint");
        assert_eq!(read.kind, EndpointKind::ReadWrite);
        assert_eq!(read.current_state, EndpointState::Other("hibernating".to_owned()));
        assert!(read.disabled);
    }
}
