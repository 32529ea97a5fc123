//! Branches: each has a server of its own, copied from its parent's data.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, created, member, object, ok};
use super::gate::Destined;
use super::{branch_recovery, connection, databases, endpoints, found, history, roles};
use crate::app::App;
use crate::names;
use crate::operations::{Effect, Link, Origin};
use crate::world::{Branch, Project};

/// The object.
pub(crate) fn shown(project: &Project, branch: &Branch) -> Value {
    let default = branch.id == project.default_branch;
    let mut shown = json!({
        "id": branch.id,
        "project_id": project.id,
        "name": branch.name,
        "current_state": branch.state,
        "state_changed_at": branch.created_at,
        "logical_size": 30_000_000,
        "creation_source": "console",
        "primary": default, // deprecated, but other clients find the default branch by it
        "default": default,
        "protected": branch.protected,
        "cpu_used_sec": 0,
        "active_time_seconds": 0,
        "compute_time_seconds": 0,
        "written_data_bytes": 0,
        "data_transfer_bytes": 0,
        "created_at": branch.created_at,
        "updated_at": branch.updated_at,
    });
    if branch.schema_only {
        shown["init_source"] = json!("schema-only");
    }
    if let Some(parent) = &branch.parent {
        shown["parent_id"] = json!(parent);
        shown["init_source"] = json!("parent-data");
    }
    if let Some(restored) = &branch.restored {
        shown["restore_status"] = json!(if restored.finalized { "finalized" } else { "restored" });
        shown["restored_from"] = json!(restored.from);
        shown["restored_as"] = json!(restored.instead_of);
    }
    let of_parent = |value: &Option<String>| value.clone().filter(|_| branch.parent.is_some());
    for (key, value) in [
        ("parent_lsn", of_parent(&branch.parent_lsn)),
        ("parent_timestamp", of_parent(&branch.parent_timestamp)),
        ("expires_at", branch.expires_at.clone()),
        ("last_reset_at", branch.last_reset_at.clone()),
    ] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    shown
}

fn all(project: &Project) -> Vec<&Branch> {
    let (default, others): (Vec<_>, Vec<_>) =
        project.branches.iter().rev().partition(|branch| branch.id == project.default_branch);
    // The default branch last: whoever takes the first one finds out.
    others.into_iter().chain(default).collect()
}

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct Page {
    search: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    include_deleted: Option<bool>,
}

fn fits(branch: &Branch, search: Option<&str>) -> bool {
    search.is_none_or(|text| branch.name.contains(text) || branch.id.contains(text))
}

/// `GET …/branches`: `pagination.next` is absent on the last page.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>, Query(page): Query<Page>) -> Answer {
    let world = app.world();
    let project = found::project(&world, &project)?;
    let there = all(project).into_iter().map(|branch| (branch, shown(project, branch)));
    let deleted = project.deleted.iter().rev().filter(|_| page.include_deleted == Some(true));
    let deleted = deleted.map(|deleted| (&deleted.was, branch_recovery::listed(project, deleted)));
    let found = deleted.chain(there).filter(|(branch, _)| fits(branch, page.search.as_deref()));
    let found: Vec<_> = found.map(|(_, shown)| shown).collect();
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

/// `GET …/branches/count`.
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    Path(project): Path<String>,
    Query(page): Query<Page>,
) -> Answer {
    let world = app.world();
    let project = found::project(&world, &project)?;
    let count = project.branches.iter().filter(|branch| fits(branch, page.search.as_deref())).count();
    ok(json!({"count": count}))
}

/// `GET …/branches/{branch}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    let world = app.world();
    let (project, branch) = found::branch(&world, &project, &branch)?;
    let annotation = json!({
        "object": {"type": "console/branch", "id": branch.id},
        "value": {},
        "created_at": branch.created_at,
        "updated_at": branch.created_at,
    });
    ok(json!({"branch": shown(project, branch), "annotation": annotation}))
}

/// `PATCH …/branches/{branch}`: name, protection, expiry.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    found::branch_mut(project, &id)?;
    let sent = member(&body, "branch")?;
    let name = sent.get("name").and_then(Value::as_str);
    if let Some(name) = name {
        free(project, name, &id)?;
    }
    let branch = found::branch_mut(project, &id)?;
    if let Some(name) = name {
        name.clone_into(&mut branch.name);
    }
    take(branch, &sent)?;
    branch.updated_at = names::now();
    let shown = found::branch_mut(project, &id)?.clone();
    ok(json!({"branch": self::shown(project, &shown), "operations": []}))
}

/// Protection and expiry as they were sent.
fn take(branch: &mut Branch, sent: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(protected) = sent.get("protected").and_then(Value::as_bool) {
        branch.protected = protected;
    }
    match sent.get("expires_at") {
        None => {}
        Some(Value::Null) => branch.expires_at = None,
        Some(Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => branch.expires_at = Some(text.clone()),
        Some(_) => return Err(Refusal::bad_request("[body.branch.expires_at] must be an RFC 3339 time")),
    }
    if branch.protected && branch.expires_at.is_some() {
        return Err(Refusal::bad_request("a protected branch cannot expire"));
    }
    Ok(())
}

pub(super) fn free(project: &Project, name: &str, own: &str) -> Result<(), Refusal> {
    if project.branches.iter().any(|branch| branch.name == name && branch.id != own) {
        let message = format!("branch already exists; branch_name:{name:?}");
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    Ok(())
}

/// `POST …/branches`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path(project): Path<String>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let default = found::project(&app.world(), &project)?.default_branch.clone();
    let body = object(&body)?;
    let empty = Map::new();
    let sent = body.get("branch").and_then(Value::as_object).unwrap_or(&empty);
    let schema_only = match sent.get("init_source").and_then(Value::as_str) {
        None | Some("parent-data") => false,
        Some("schema-only") => true,
        Some(_) => return Err(Refusal::bad_request("[body.branch.init_source] must be parent-data or schema-only")),
    };
    let parent = sent.get("parent_id").and_then(Value::as_str).unwrap_or(&default).to_owned();
    app.take_over_catalogue(&project, &parent).await;
    let past = history::Wanted::read(sent, ["parent_lsn", "parent_timestamp"])?;
    let moment = past.within(&app, &project, &parent).await?;

    let mut world = app.world();
    let limit = world.knobs.branches_limit;
    let project = found::changeable(&mut world, &project)?;
    let parent = found::branch_mut(project, &parent)?.clone();
    if project.branches.len() >= limit {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "branches limit exceeded"));
    }
    let mut branch = parent.child("");
    match sent.get("name").and_then(Value::as_str) {
        Some(name) => {
            free(project, name, "")?;
            name.clone_into(&mut branch.name);
        }
        None => branch.name.clone_from(&branch.id),
    }
    take(&mut branch, sent)?;
    "init".clone_into(&mut branch.state);
    let wanted = body.get("endpoints").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for endpoint in wanted.iter().filter_map(Value::as_object) {
        let endpoint = endpoints::new(&app, &branch, endpoint)?;
        branch.endpoints.push(endpoint);
    }
    branch.parent_timestamp = Some(past.time());
    let origin = Origin { source: parent.id.clone(), moment, kept: None, before: None };
    let effect = if schema_only {
        // A root branch: it has no parent.
        (branch.parent, branch.schema_only) = (None, true);
        Effect::CopySchema(origin)
    } else {
        Effect::Branch(origin)
    };
    let mut chain = vec![Link::of_branch("create_branch", effect, &branch)];
    let starts = branch.endpoints.iter().map(|it| Link::of_endpoint("start_compute", Effect::Start, &branch, it));
    chain.extend(starts);
    let id = branch.id.clone();
    project.branches.push(branch);
    let operations = endpoints::scheduled(&app, project, chain, destined);
    let branch = found::branch_mut(project, &id)?.clone();
    let mut answer = json!({
        "branch": shown(project, &branch),
        "endpoints": endpoints::of_branch(&app, &project.id, &branch),
        "operations": operations,
        "roles": branch.roles.values().map(|role| roles::shown(&id, role, false)).collect::<Vec<_>>(),
        "databases": branch.databases.iter().map(|database| databases::shown(&id, database)).collect::<Vec<_>>(),
    });
    if branch.read_write().is_some() {
        answer["connection_uris"] = json!(connection_uris(&app, &branch));
    }
    created(answer)
}

/// The owner's connection to the first database.
pub(crate) fn owner_uri(app: &App, branch: &Branch) -> String {
    let uris = connection_uris(app, branch);
    let first = uris.first().and_then(|uri| uri["connection_uri"].as_str());
    first.unwrap_or_default().to_owned()
}

/// One connection per database, as its owner; `connection_parameters` beside the string.
pub(crate) fn connection_uris(app: &App, branch: &Branch) -> Vec<Value> {
    let Some(endpoint) = branch.read_write() else { return Vec::new() };
    let mut uris = Vec::new();
    for database in &branch.databases {
        let Some(role) = branch.roles.get(&database.owner) else { continue };
        let (password, port) = (role.password.as_deref(), endpoint.ports.direct);
        uris.push(json!({
            "connection_uri": connection::written(&app.host, &role.name, password, port, &database.name),
            "connection_parameters": {
                "database": database.name,
                "role": role.name,
                "password": password.unwrap_or_default(),
                "host": format!("{}:{port}", app.host),
                "pooler_host": format!("{}:{}", app.host, endpoint.ports.pooled),
            },
        }));
    }
    uris
}

/// `POST …/branches/{branch}/set_as_default`.
pub(crate) async fn set_as_default(State(app): State<Arc<App>>, Path((project, id)): Path<(String, String)>) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let branch = found::branch_mut(project, &id)?;
    branch.expires_at = None;
    let branch = branch.clone();
    project.default_branch = id;
    ok(json!({"branch": shown(project, &branch), "operations": []}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_branch_is_the_default_and_it_comes_last() {
        let mut world = crate::world::World::new(17, false);
        let child = world.first_branch().expect("a branch").child("other");
        world.projects[0].branches.push(child);
        let project = &world.projects[0];
        let defaults: Vec<_> = all(project).iter().map(|branch| shown(project, branch)["default"].clone()).collect();
        assert_eq!(defaults, [false, true]);
        assert!(free(project, "other", "").is_err() && free(project, "third", "").is_ok());
    }

    #[test]
    fn an_expiry_is_a_time_and_not_for_protected_branches() {
        let mut branch = Branch::new("b");
        let mut sent = |value: Value| take(&mut branch, value.as_object().expect("an object")).is_ok();
        assert!(sent(json!({"expires_at": "2031-01-01T00:00:00Z"})));
        assert!(!sent(json!({"expires_at": "soon"})));
        assert!(sent(json!({"expires_at": null, "protected": true})));
        assert!(!sent(json!({"expires_at": "2031-01-01T00:00:00Z"})));
    }
}
