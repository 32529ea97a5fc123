//! Databases of the default branch.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, member, nothing, ok};
use super::branches::with_server;
use super::gate::Destined;
use super::projects::changeable;
use crate::app::App;
use crate::names;
use crate::operations::{self, Effect};
use crate::world::{Database, World};

fn shown(world: &World, database: &Database) -> Value {
    json!({
        "id": database.id,
        "branch_id": world.branch_id,
        "name": database.name,
        "owner_name": database.owner,
        "created_at": database.created_at,
        "updated_at": database.updated_at,
    })
}

/// `GET …/databases`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    with_server(&app.world(), &project, &branch)?;
    app.take_over_catalogue().await;
    let world = app.world();
    let databases: Vec<_> = world.databases.iter().map(|database| shown(&world, database)).collect();
    ok(json!({"databases": databases}))
}

/// `GET …/databases/{database}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
) -> Answer {
    with_server(&app.world(), &project, &branch)?;
    app.take_over_catalogue().await;
    let world = app.world();
    match world.database(&name) {
        Some(database) => ok(json!({"database": shown(&world, database)})),
        None => Err(Refusal::not_found("database")),
    }
}

/// `POST …/databases`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    with_server(&app.world(), &project, &branch)?;
    app.take_over_catalogue().await;
    let mut world = app.world();
    changeable(&world, &project)?;
    let sent = member(&body, "database")?;
    let text = |key: &str| {
        sent.get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Refusal::bad_request(format!("[body.database.{key}] must be a string")))
    };
    let (name, owner) = (text("name")?, text("owner_name")?);
    if let Some(reason) = names::refused(&name) {
        return Err(Refusal::bad_request(format!("[body.database.name] {reason}")));
    }
    if world.database(&name).is_some() {
        return Err(Refusal::new(StatusCode::CONFLICT, format!("database already exists; database_name:{name:?}")));
    }
    if !world.roles.contains_key(&owner) {
        return Err(Refusal::not_found("role"));
    }
    world.add_database(&name, &owner, false);
    let shown = world.database(&name).map(|database| shown(&world, database));
    let chain = operations::reconfiguration(&world, Effect::CreateDatabase { name, owner });
    let operations = operations::schedule(&app, &mut world, chain, destined.0);
    created(json!({"database": shown, "operations": operations}))
}

/// `DELETE …/databases/{database}`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
    destined: Destined,
) -> Answer {
    with_server(&app.world(), &project, &branch)?;
    app.take_over_catalogue().await;
    let mut world = app.world();
    changeable(&world, &project)?;
    let Some(place) = world.databases.iter().position(|database| database.name == name) else {
        return nothing();
    };
    let removed = world.databases.remove(place);
    let shown = shown(&world, &removed);
    let chain = operations::reconfiguration(&world, Effect::DropDatabase(name));
    let operations = operations::schedule(&app, &mut world, chain, destined.0);
    ok(json!({"database": shown, "operations": operations}))
}
