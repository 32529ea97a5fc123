//! Endpoints: the computes of a branch. A branch has at most one read-write endpoint.

use serde::Deserialize;

use super::ids::{BranchId, EndpointId, ProjectId};
use super::operation::{Changed, Operation};
use super::request::{Method, Path, Request, json, or_default};

/// An endpoint (`Endpoint` of Neon's API document), without the fields that are not used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Endpoint {
    /// The first label of its host.
    pub id: EndpointId,
    /// The direct host. It cannot be composed from the id, because it may carry a label of its region's cell.
    #[serde(default, deserialize_with = "or_default")]
    pub host: String,
    /// The branch whose data it serves.
    pub branch_id: BranchId,
    /// Whether it accepts writes.
    #[serde(rename = "type")]
    pub kind: EndpointKind,
    /// What it is doing.
    #[serde(default, deserialize_with = "or_default")]
    pub current_state: EndpointState,
    /// A disabled endpoint is not woken by connections.
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
}

impl Endpoint {
    /// Whether publications and slots can be created by it.
    pub(crate) fn is_read_write(&self) -> bool {
        self.kind == EndpointKind::ReadWrite
    }
}

/// Whether an endpoint accepts writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum EndpointKind {
    /// The primary: publications and slots live here.
    ReadWrite,
    /// A read replica.
    ReadOnly,
    /// A value that this provider does not know.
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
pub(crate) enum EndpointState {
    /// Being created.
    #[default]
    Init,
    Active,
    /// Suspended. A connection wakes it.
    Idle,
    /// A value that this provider does not know.
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
    #[serde(default, deserialize_with = "or_default")]
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
