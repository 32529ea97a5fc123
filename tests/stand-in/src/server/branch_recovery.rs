//! Deleted branches: for a while one comes back with its data, its endpoints and its connection strings.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, nothing, ok};
use super::gate::Destined;
use super::{branches, endpoints, found};
use crate::app::App;
use crate::faults::Fate;
use crate::operations::{self, Effect, Link};
use crate::world::{Branch, Deleted, EndpointState, Project};

/// How many of a project are kept: their data take room. On Neon the time alone decides.
const KEPT: usize = 5;

/// How a branch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a request; it may come back.
    Deleted,
    /// Because its time is over; it may come back.
    Expired,
    /// By a request, permanently.
    Hard,
}

/// Query of the deletion.
#[derive(Deserialize)]
pub(crate) struct Asked {
    hard_delete: Option<bool>,
}

/// `DELETE …/branches/{branch}`: 204 when there is none.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    destined: Destined,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let Some(branch) = project.branch(&id).cloned() else {
        return nothing();
    };
    let refused =
        |why: &str| Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("cannot delete {why} branch")));
    if branch.protected {
        return refused("a protected");
    }
    if branch.id == project.default_branch {
        return refused("the default");
    }
    // Those that have become roots later go: what a restore has kept, what has another's schema alone.
    if branch.parent.is_none() && project.branches.first().is_some_and(|first| first.id == id) {
        return refused("the root");
    }
    if project.has_children(&id) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot delete branch that has children"));
    }
    let shown = branches::shown(project, &branch);
    let way = if asked.hard_delete == Some(true) { Way::Hard } else { Way::Deleted };
    let operations = remove(&app, project, &branch, way, destined.0);
    ok(json!({"branch": shown, "operations": operations}))
}

/// Takes the branch out of the project and schedules the end of its servers.
pub(crate) fn remove(app: &Arc<App>, project: &mut Project, branch: &Branch, way: Way, fate: Fate) -> Vec<Value> {
    branch.endpoints.iter().for_each(|endpoint| app.close_endpoint(&endpoint.id));
    project.branches.retain(|other| other.id != branch.id);
    let effect = if way == Way::Hard {
        Effect::Retire { asleep: Vec::new(), ended: branch.computes() }
    } else {
        project.deleted.push(Deleted::now(branch.clone(), way == Way::Expired));
        let surplus = project.deleted.len().saturating_sub(KEPT);
        let ended = project.deleted.drain(..surplus).flat_map(|deleted| deleted.was.computes()).collect();
        Effect::Retire { asleep: branch.computes(), ended }
    };
    operations::schedule(app, project, vec![Link::of_branch("delete_timeline", effect, branch)], fate)
}

/// What `GET …/branches?include_deleted=true` shows of one.
pub(super) fn listed(project: &Project, deleted: &Deleted<Branch>) -> Value {
    let mut shown = branches::shown(project, &deleted.was);
    shown["recovery"] = json!({
        "deleted_at": deleted.at,
        "recoverable_until": deleted.until,
        "deletion_method": if deleted.expired { "ttl" } else { "user" },
    });
    shown
}

/// `POST …/branches/{branch}/recover`: its computes are idle then, at the addresses that they had.
pub(crate) async fn recover(State(app): State<Arc<App>>, Path((project, id)): Path<(String, String)>) -> Answer {
    let mut world = app.world();
    let limit = world.knobs.branches_limit;
    let project = found::changeable(&mut world, &project)?;
    if project.branch(&id).is_some() {
        return Err(Refusal::bad_request("branch is not deleted"));
    }
    let index = project.deleted.iter().position(|deleted| deleted.was.id == id);
    let index = index.ok_or_else(|| Refusal::not_found("branch"))?;
    let mut branch = project.deleted[index].was.clone();
    if project.branches.len() >= limit {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "branches limit exceeded"));
    }
    branches::free(project, &branch.name, &id)?;
    if branch.parent.as_ref().is_some_and(|parent| project.branch(parent).is_none()) {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "the parent branch is deleted"));
    }
    branch.expires_at = None;
    for endpoint in &mut branch.endpoints {
        endpoint.ports = app.open_endpoint(&endpoint.id, endpoint.ports.direct)?;
        endpoint.turned(EndpointState::Idle);
    }
    project.deleted.remove(index);
    project.branches.push(branch.clone());
    ok(json!({
        "branch": branches::shown(project, &branch),
        "endpoints": endpoints::of_branch(&app, &project.id, &branch),
    }))
}
