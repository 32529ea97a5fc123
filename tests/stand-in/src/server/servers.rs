//! Admin routes about the servers: `?compute=` names a branch or a read-only endpoint, else it is the first project's.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, nothing, object, ok};
use super::found;
use crate::app::{App, OWNER};
use crate::compute::ServerState;
use crate::postgres::admin::{self, Dropped};
use crate::postgres::passing;
use crate::world::{Endpoint, EndpointKind, EndpointState};

/// Query of these routes.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    compute: Option<String>,
}

impl Wanted {
    fn id(&self, app: &App) -> Result<String, Refusal> {
        let first = || app.world().first_branch().map(|branch| branch.id.clone());
        let id = self.compute.clone().or_else(first).unwrap_or_default();
        app.compute(&id).map_err(|_| Refusal::not_found("compute"))?;
        Ok(id)
    }
}

async fn shown(app: &App, id: &str) -> Answer {
    let compute = app.compute(id)?;
    let state = match compute.state() {
        ServerState::Up => "up",
        ServerState::Asleep => "asleep",
        ServerState::Stopped => "stopped",
    };
    ok(json!({
        "compute": id,
        "state": state,
        "pid": compute.pid().await,
        "port": compute.access.port,
        "log": compute.log,
        "superuser_dsn_file": compute.dsn_file,
    }))
}

/// How the server is.
pub(crate) async fn postgres(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    shown(&app, &wanted.id(&app)?).await
}

/// Starts it.
pub(crate) async fn start(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    let id = wanted.id(&app)?;
    app.wake(&id).await?;
    shown(&app, &id).await
}

/// Stops it until it is started on request.
pub(crate) async fn stop(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    halt(&app, &wanted, false).await
}

/// The same without any order.
pub(crate) async fn crash(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    halt(&app, &wanted, true).await
}

async fn halt(app: &App, wanted: &Wanted, at_once: bool) -> Answer {
    let id = wanted.id(app)?;
    app.halt(&id, ServerState::Stopped, at_once).await?;
    shown(app, &id).await
}

/// Stops and starts it.
pub(crate) async fn restart(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>) -> Answer {
    let id = wanted.id(&app)?;
    app.restart(&id).await?;
    shown(&app, &id).await
}

/// Settings that a test may change. Not all: some name programs that the server runs.
const SETTINGS: [&str; 12] = [
    "checkpoint_timeout",
    "deadlock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_replication_slot_timeout",
    "lock_timeout",
    "log_statement",
    "max_slot_wal_keep_size",
    "max_wal_size",
    "statement_timeout",
    "wal_keep_size",
    "wal_receiver_timeout",
    "wal_sender_timeout",
];

/// Changes settings of the running server: `{"max_slot_wal_keep_size": "1GB"}`; null resets one.
pub(crate) async fn set(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>, body: Bytes) -> Answer {
    let client = app.compute(&wanted.id(&app)?)?.superuser().await?;
    let sent = object(&body)?;
    if let Some(name) = sent.keys().find(|name| !SETTINGS.contains(&name.as_str())) {
        return Err(Refusal::bad_request(format!("{name} cannot be changed here, only {}", SETTINGS.join(", "))));
    }
    for (name, value) in sent {
        let value = match &value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let changed = passing::set(&client, &name, value.as_deref()).await;
        changed.map_err(|error| Refusal::bad_request(format!("{error:#}")))?;
    }
    nothing()
}

/// Makes the server remove what that slot still needs.
pub(crate) async fn lose_slot(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    Path((_, name)): Path<(String, String)>,
) -> Answer {
    let client = app.compute(&wanted.id(&app)?)?.superuser().await?;
    passing::lose_slot(&client, &name).await?;
    nothing()
}

/// Ends sessions with 57P01; `{"whom": "all"}` ends walsenders too.
pub(crate) async fn terminate_backends(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    body: Bytes,
) -> Answer {
    let whom = match object(&body)?.remove("whom") {
        None => Dropped::Clients,
        Some(whom) => serde_json::from_value(whom).map_err(|error| Refusal::bad_request(error.to_string()))?,
    };
    let client = app.compute(&wanted.id(&app)?)?.superuser().await?;
    let ended = admin::terminate(&client, whom).await?;
    ok(json!({"terminated": ended}))
}

/// A child of the default branch that is ready when the answer comes; no operation is left behind.
pub(crate) async fn add_branch(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let sent = object(&body)?;
    let name = sent.get("name").and_then(Value::as_str).unwrap_or("other").to_owned();
    let with_endpoint = sent.get("endpoint").and_then(Value::as_bool).unwrap_or(true);
    let (project, parent) = {
        let world = app.world();
        let branch = world.first_branch().cloned().ok_or_else(|| Refusal::not_found("branch"))?;
        (world.first.clone(), branch)
    };
    app.take_over_catalogue(&project, &parent.id).await;
    let mut branch = found::branch(&app.world(), &project, &parent.id)?.1.child(&name);
    let roles: Vec<_> = branch.roles.values().cloned().collect();
    let level = app.wal_level(&project);
    let compute = app.compute(&parent.id)?.branch(&app.lab, level, &roles, None, None).await?;
    app.add_compute(&branch.id, compute);
    let mut answer = json!({"id": branch.id});
    if with_endpoint {
        let mut endpoint = Endpoint::new(EndpointKind::ReadWrite);
        endpoint.ports = app.open_endpoint(&endpoint.id, 0)?;
        endpoint.turned(EndpointState::Active);
        answer["endpoint_id"] = json!(endpoint.id);
        answer["port"] = json!(endpoint.ports.direct);
        branch.endpoints.push(endpoint);
    } else {
        app.halt(&branch.id, ServerState::Asleep, false).await?;
    }
    answer["superuser_dsn_file"] = json!(app.compute(&branch.id)?.dsn_file);
    if let Some(project) = app.world().project_mut(&project) {
        project.branches.push(branch);
    }
    created(answer)
}

/// A database that is there when the answer comes; no operation is left behind.
pub(crate) async fn add_database(State(app): State<Arc<App>>, Query(wanted): Query<Wanted>, body: Bytes) -> Answer {
    let sent = object(&body)?;
    let text = |key: &str| sent.get(key).and_then(Value::as_str);
    let Some(name) = text("name") else {
        return Err(Refusal::bad_request("name is required"));
    };
    let owner = text("owner").unwrap_or(OWNER);
    let id = wanted.id(&app)?;
    app.wake(&id).await?;
    admin::create_database(&app.compute(&id)?.access, name, owner).await?;
    let project = app.world().project_of_compute(&id).map(|project| project.id.clone());
    app.take_over_catalogue(&project.unwrap_or_default(), &id).await;
    created(json!({"name": name, "owner": owner}))
}
