//! Branches: the default one has a server, others are names that answer 501 where a server is needed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, member, ok};
use super::projects::{changeable, known};
use crate::app::App;
use crate::world::World;

/// Refuses a branch that is not there, and one that has no server.
pub(crate) fn with_server(world: &World, project: &str, branch: &str) -> Result<(), Refusal> {
    known(world, project)?;
    if branch == world.branch_id {
        return Ok(());
    }
    if world.other_branches.iter().any(|other| other.id == branch) {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "the stand-in has a server for the default branch only"));
    }
    Err(Refusal::not_found("branch"))
}

fn shown(world: &World, id: &str, name: &str, created_at: &str) -> Value {
    let default = id == world.branch_id;
    let parent = if default { world.knobs.branch_parent.clone() } else { Some(world.branch_id.clone()) };
    let mut shown = json!({
        "id": id,
        "project_id": world.project_id,
        "name": name,
        "current_state": if default { world.knobs.branch_state.as_str() } else { "ready" },
        "state_changed_at": created_at,
        "logical_size": 30_000_000,
        "creation_source": "console",
        "primary": default, // deprecated, but other clients find the default branch by it
        "default": default,
        "protected": default && world.knobs.branch_protected,
        "cpu_used_sec": 0,
        "active_time_seconds": 0,
        "compute_time_seconds": 0,
        "written_data_bytes": 0,
        "data_transfer_bytes": 0,
        "created_at": created_at,
        "updated_at": created_at,
    });
    if let Some(parent) = parent {
        shown["parent_id"] = json!(parent);
        shown["parent_lsn"] = json!("0/1E88838");
        shown["parent_timestamp"] = json!(created_at);
        shown["init_source"] = json!("parent-data");
    }
    shown
}

fn all(world: &World) -> Vec<Value> {
    let others = world.other_branches.iter().map(|other| shown(world, &other.id, &other.name, &other.created_at));
    // The default branch last: whoever takes the first one finds out.
    others.chain([shown(world, &world.branch_id, &world.branch_name, &world.created_at)]).collect()
}

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct Page {
    search: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET …/branches`: `pagination.next` is absent on the last page.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>, Query(page): Query<Page>) -> Answer {
    let world = app.world();
    known(&world, &project)?;
    let found: Vec<_> = all(&world)
        .into_iter()
        .filter(|branch| match &page.search {
            Some(text) => [&branch["name"], &branch["id"]]
                .iter()
                .any(|value| value.as_str().is_some_and(|value| value.contains(text))),
            None => true,
        })
        .collect();
    let start: usize = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| Refusal::bad_request("cursor is not one of ours"))?,
        None => 0,
    };
    let limit = page.limit.unwrap_or(100).clamp(1, 10_000);
    let mut pagination = json!({"sort_by": "updated_at", "sort_order": "DESC"});
    if start + limit < found.len() {
        pagination["next"] = json!((start + limit).to_string());
    }
    let branches: Vec<_> = found.into_iter().skip(start).take(limit).collect();
    ok(json!({"branches": branches, "annotations": {}, "pagination": pagination}))
}

/// `GET …/branches/{branch}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    let world = app.world();
    known(&world, &project)?;
    let found = all(&world).into_iter().find(|found| found["id"] == branch.as_str());
    let Some(found) = found else {
        return Err(Refusal::not_found("branch"));
    };
    let annotation = json!({
        "object": {"type": "console/branch", "id": branch},
        "value": {},
        "created_at": world.created_at,
        "updated_at": world.created_at,
    });
    ok(json!({"branch": found, "annotation": annotation}))
}

/// `PATCH …/branches/{branch}`: name and protection of the default branch.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    changeable(&world, &project)?;
    with_server(&world, &project, &branch)?;
    let sent = member(&body, "branch")?;
    if let Some(name) = sent.get("name").and_then(Value::as_str) {
        name.clone_into(&mut world.branch_name);
    }
    if let Some(protected) = sent.get("protected").and_then(Value::as_bool) {
        world.knobs.branch_protected = protected;
    }
    let shown = shown(&world, &world.branch_id, &world.branch_name, &world.created_at);
    ok(json!({"branch": shown, "operations": []}))
}

/// `POST …/branches`: there is one server, so no.
pub(crate) async fn create(State(app): State<Arc<App>>, Path(project): Path<String>) -> Answer {
    known(&app.world(), &project)?;
    Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "the stand-in has a server for the default branch only"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::OtherBranch;

    #[test]
    fn exactly_one_branch_is_the_default_and_it_comes_last() {
        let mut world = World::new(17, false);
        world.other_branches.push(OtherBranch {
            id: "br-other".to_owned(),
            name: "other".to_owned(),
            created_at: world.created_at.clone(),
        });
        let defaults: Vec<_> = all(&world).iter().map(|branch| branch["default"].clone()).collect();
        assert_eq!(defaults, [false, true]);
    }

    #[test]
    fn a_branch_without_server_is_501_and_no_branch_404() {
        let mut world = World::new(17, false);
        world.other_branches.push(OtherBranch {
            id: "br-other".to_owned(),
            name: "other".to_owned(),
            created_at: world.created_at.clone(),
        });
        let project = world.project_id.clone();
        let status = |branch: &str| with_server(&world, &project, branch).err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status(&world.branch_id), None);
        assert_eq!(status("br-other"), Some(501));
        assert_eq!(status("br-none"), Some(404));
    }
}
