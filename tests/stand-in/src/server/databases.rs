//! Databases of a branch.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, member, nothing, ok};
use super::found;
use super::gate::Destined;
use crate::app::App;
use crate::names;
use crate::operations::{self, Effect};
use crate::world::Database;

/// The object.
pub(crate) fn shown(branch: &str, database: &Database) -> Value {
    json!({
        "id": database.id,
        "branch_id": branch,
        "name": database.name,
        "owner_name": database.owner,
        "created_at": database.created_at,
        "updated_at": database.updated_at,
    })
}

/// `GET …/databases`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    let (_, found) = found::branch(&world, &project, &branch)?;
    let databases: Vec<_> = found.databases.iter().map(|database| shown(&branch, database)).collect();
    ok(json!({"databases": databases}))
}

/// `GET …/databases/{database}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    match found::branch(&world, &project, &branch)?.1.database(&name) {
        Some(database) => ok(json!({"database": shown(&branch, database)})),
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
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
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
    if found.database(&name).is_some() {
        return Err(Refusal::new(StatusCode::CONFLICT, format!("database already exists; database_name:{name:?}")));
    }
    if !found.roles.contains_key(&owner) {
        return Err(Refusal::not_found("role"));
    }
    found.add_database(&name, &owner, false);
    let shown = found.database(&name).map(|database| shown(&branch, database));
    let chain = operations::reconfiguration(found, Effect::CreateDatabase { name, owner });
    let operations = operations::schedule(&app, project, chain, destined.0);
    created(json!({"database": shown, "operations": operations}))
}

/// `PATCH …/databases/{database}`: another name, another owner.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
    let sent = member(&body, "database")?;
    let Some(place) = found.databases.iter().position(|database| database.name == name) else {
        return Err(Refusal::not_found("database"));
    };
    let text = |key: &str| sent.get(key).and_then(Value::as_str);
    let new_name = text("name").unwrap_or(&name).to_owned();
    let owner = text("owner_name").unwrap_or(&found.databases[place].owner).to_owned();
    if let Some(reason) = names::refused(&new_name) {
        return Err(Refusal::bad_request(format!("[body.database.name] {reason}")));
    }
    if new_name != name && found.database(&new_name).is_some() {
        return Err(Refusal::new(StatusCode::CONFLICT, format!("database already exists; database_name:{new_name:?}")));
    }
    if !found.roles.contains_key(&owner) {
        return Err(Refusal::not_found("role"));
    }
    let database = &mut found.databases[place];
    // Until the server has the new name, what it reports is the old one.
    database.applied &= new_name == database.name;
    database.name.clone_from(&new_name);
    database.owner.clone_from(&owner);
    database.updated_at = names::now();
    let shown = shown(&branch, database);
    let chain = operations::reconfiguration(found, Effect::AlterDatabase { name, new_name, owner });
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"database": shown, "operations": operations}))
}

/// `DELETE …/databases/{database}`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
    destined: Destined,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
    let Some(place) = found.databases.iter().position(|database| database.name == name) else {
        return nothing();
    };
    let removed = found.databases.remove(place);
    let shown = shown(&branch, &removed);
    let chain = operations::reconfiguration(found, Effect::DropDatabase(name));
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"database": shown, "operations": operations}))
}
