//! Deleted projects: for a while they come back with their branches, endpoints and connection strings.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, ok};
use super::gate::Caller;
use super::{branches, found, projects};
use crate::app::App;
use crate::compute::ServerState;
use crate::world::{Deleted, EndpointState, KeyKind, Project};

/// How many are kept: their data take room. On Neon the time alone decides.
const KEPT: usize = 5;

/// `DELETE /projects/{project}`: with its branches and servers, which are stopped.
pub(crate) async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(project): Path<String>) -> Answer {
    let (shown, deleted, too_old) = {
        let mut world = app.world();
        let permission = world.permission(&caller.0);
        if caller.0.kind == KeyKind::Project || permission.as_deref() == Some("EDITOR") {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "you do not have permission to delete this project"));
        }
        let project = found::changeable(&mut world, &project)?;
        if project.branches.iter().any(|branch| branch.protected) {
            let message = "cannot delete a project with a protected branch";
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
        }
        let shown = projects::shown(project, permission.as_deref());
        let deleted = Deleted::now(project.clone(), false);
        let id = deleted.was.id.clone();
        world.projects.retain(|project| project.id != id);
        world.deleted.push(deleted.clone());
        let surplus = world.deleted.len().saturating_sub(KEPT);
        let too_old: Vec<_> = world.deleted.drain(..surplus).collect();
        (shown, deleted, too_old)
    };
    for endpoint in deleted.was.branches.iter().flat_map(|branch| &branch.endpoints) {
        app.close_endpoint(&endpoint.id);
    }
    for id in deleted.was.computes() {
        if let Ok(compute) = app.compute(&id) {
            compute.halt(ServerState::Asleep, true).await?;
        }
    }
    for id in too_old.iter().flat_map(|deleted| [deleted.was.computes(), deleted.was.kept()].concat()) {
        app.remove_compute(&id).await?;
    }
    ok(json!({"project": shown}))
}

/// What `GET /projects?recoverable=true` shows of one, beside what it shows of every project.
pub(super) fn listed(deleted: &Deleted<Project>, mut shown: Value) -> Value {
    shown["deleted_at"] = json!(deleted.at);
    shown["recoverable_until"] = json!(deleted.until);
    shown
}

/// `POST /projects/{project}/recover`: its computes are idle then, at the addresses that they had.
pub(crate) async fn recover(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let mut world = app.world();
    if world.permission(&caller.0).as_deref() == Some("VIEWER") {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "you do not have permission to recover this project"));
    }
    if world.project(&id).is_some() {
        return Err(Refusal::bad_request("project is not deleted"));
    }
    let index = world.deleted.iter().position(|deleted| deleted.was.id == id);
    let mut project = world.deleted.remove(index.ok_or_else(|| Refusal::not_found("project"))?).was;
    for endpoint in project.branches.iter_mut().flat_map(|branch| &mut branch.endpoints) {
        endpoint.ports = app.open_endpoint(&endpoint.id, endpoint.ports.direct)?;
        endpoint.turned(EndpointState::Idle);
    }
    let answer = json!({
        "project": projects::shown(&project, world.permission(&caller.0).as_deref()),
        "branches": project.branches.iter().map(|branch| branches::shown(&project, branch)).collect::<Vec<_>>(),
    });
    world.projects.push(project);
    ok(answer)
}
