//! API keys by the API: a user's and an organization's; the latter may be for one project only.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, object, ok};
use super::gate::Caller;
use crate::app::App;
use crate::world::{Key, KeyKind, ORGANIZATION, World};

/// The user who makes everything.
pub(crate) const USER: &str = "0f1e2d3c-0000-4000-8000-000000000001";

fn listed(key: &Key) -> Value {
    let mut shown = json!({
        "id": key.id,
        "name": key.name,
        "created_at": key.created_at,
        "created_by": {"id": USER, "name": "Stand In", "image": ""},
        "last_used_at": null,
        "last_used_from_addr": "",
    });
    if let Some(project) = &key.project {
        shown["project_id"] = json!(project);
    }
    shown
}

fn all(world: &World, personal: bool) -> Vec<Value> {
    world.keys.iter().filter(|key| (key.kind == KeyKind::Personal) == personal).map(listed).collect()
}

fn organization(id: &str, caller: &Caller) -> Result<(), Refusal> {
    if id != ORGANIZATION {
        return Err(Refusal::not_found("organization"));
    }
    if caller.0.kind == KeyKind::Project {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "not allowed for project-scoped API keys"));
    }
    Ok(())
}

/// `GET /api_keys`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    caller.is_a_user()?;
    ok(json!(all(&app.world(), true)))
}

/// `POST /api_keys`.
pub(crate) async fn create(State(app): State<Arc<App>>, caller: Caller, body: Bytes) -> Answer {
    caller.is_a_user()?;
    made(&app, &body, KeyKind::Personal)
}

/// `GET /organizations/{org}/api_keys`.
pub(crate) async fn list_of_organization(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    organization(&id, &caller)?;
    ok(json!(all(&app.world(), false)))
}

/// `POST /organizations/{org}/api_keys`: with `project_id` for that project only.
pub(crate) async fn create_of_organization(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    organization(&id, &caller)?;
    made(&app, &body, KeyKind::Organization)
}

fn made(app: &App, body: &[u8], kind: KeyKind) -> Answer {
    let sent = object(body)?;
    let text = |key: &str| sent.get(key).and_then(Value::as_str);
    let Some(name) = text("key_name") else {
        return Err(Refusal::bad_request("[body.key_name] is required"));
    };
    let mut world = app.world();
    let project = text("project_id").filter(|_| kind == KeyKind::Organization).map(str::to_owned);
    if project.as_ref().is_some_and(|id| world.project(id).is_none()) {
        return Err(Refusal::not_found("project"));
    }
    let key = Key::new(name, if project.is_some() { KeyKind::Project } else { kind }, project);
    let mut answer = json!({
        "id": key.id, "key": key.secret, "name": key.name, "created_at": key.created_at, "created_by": USER,
    });
    if let Some(project) = &key.project {
        answer["project_id"] = json!(project);
    }
    world.keys.push(key);
    ok(answer)
}

/// `DELETE /api_keys/{id}`.
pub(crate) async fn revoke(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<i64>) -> Answer {
    caller.is_a_user()?;
    revoked(&app, id, true)
}

/// `DELETE /organizations/{org}/api_keys/{id}`.
pub(crate) async fn revoke_of_organization(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((organization_id, id)): Path<(String, i64)>,
) -> Answer {
    organization(&organization_id, &caller)?;
    revoked(&app, id, false)
}

fn revoked(app: &App, id: i64, personal: bool) -> Answer {
    let mut world = app.world();
    let found = world.keys.iter().position(|key| key.id == id && (key.kind == KeyKind::Personal) == personal);
    let Some(index) = found.filter(|index| *index > 0) else {
        return Err(Refusal::not_found("API key")); // the key of the start stays: a test would lock itself out
    };
    let key = world.keys.remove(index);
    let mut answer = listed(&key);
    answer["created_by"] = json!(USER);
    answer["revoked"] = json!(true);
    ok(answer)
}
