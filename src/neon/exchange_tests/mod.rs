//! The client against a server on loopback; what the tests share.

mod bodies;
mod calls;
mod changes;
mod settings;
mod sharing;
mod unusable;

use super::change::Pending;
use super::role::ApiRole;
use super::scripted_server::{Server, Step, answer, budget};
use super::{BranchId, ProjectId, RoleCreation};

pub(super) const PROJECT: &str =
    r#"{"project":{"id":"p-1","name":"n","settings":{"enable_logical_replication":false}}}"#;
pub(super) const PROJECT_ON: &str =
    r#"{"project":{"id":"p-1","settings":{"enable_logical_replication":true}},"operations":[]}"#;
pub(super) const ROLE: &str = r#"{"role":{"name":"r"}}"#;
pub(super) const MADE: &str = r#"{"role":{"name":"r","password":"npg_x"},"operations":[{"id":"op-1","action":"apply_config","status":"running"}]}"#;
pub(super) const NO_OPERATIONS: &str = r#"{"operations":[]}"#;
pub(super) const ROLES: &str = "/projects/p-1/branches/br-1/roles";

pub(super) fn project() -> ProjectId {
    ProjectId::parse("p-1").expect("legal")
}

pub(super) fn branch() -> BranchId {
    BranchId::parse("br-1").expect("legal")
}

pub(super) fn operation(status: &str) -> Step {
    answer(
        200,
        &format!(
            r#"{{"operation":{{"id":"op-1","action":"apply_config","status":"{status}","error":"boom","failures_count":2}}}}"#
        ),
    )
}

/// A list as the API gives it, newest first: id, branch, action, and seconds from now at which it was requested.
pub(super) fn operations(listed: &[(&str, &str, &str, i64)]) -> String {
    let now = jiff::Timestamp::now();
    let shown: Vec<String> = listed
        .iter()
        .map(|(id, branch, action, seconds)| {
            let created = now + jiff::SignedDuration::from_secs(*seconds);
            format!(
                r#"{{"id":"{id}","branch_id":"{branch}","endpoint_id":"ep-1","action":"{action}","status":"running","created_at":"{created}"}}"#
            )
        })
        .collect();
    format!(r#"{{"operations":[{}]}}"#, shown.join(","))
}

pub(super) async fn made(server: &Server) -> Pending<ApiRole> {
    match server.client().create_role(&project(), &branch(), "r", &budget()).await {
        Ok(RoleCreation::Made(pending)) => pending,
        other => panic!("not made: {other:?}"),
    }
}
