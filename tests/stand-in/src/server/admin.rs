//! The admin routes: faults, the journal, settings, and the server itself. The token in their path is the key to them.

use std::sync::{Arc, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, nothing, object, ok};
use crate::app::{App, OWNER, ServerState};
use crate::faults::{Faults, Rule};
use crate::journal::Journal;
use crate::names;
use crate::postgres::admin::{self, Dropped};
use crate::world::OtherBranch;

/// All of them.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/settings", get(settings).patch(patch_settings))
        .route("/branches", post(add_branch))
        .route("/databases", post(add_database))
        .route("/postgres", get(postgres))
        .route("/postgres/start", post(start))
        .route("/postgres/stop", post(stop))
        .route("/postgres/crash", post(crash))
        .route("/postgres/restart", post(restart))
        .route("/terminate_backends", post(terminate_backends))
        .route("/connections/cut", post(cut_connections))
        .layer(middleware::from_fn_with_state(Arc::clone(app), with_the_token))
}

async fn with_the_token(
    State(app): State<Arc<App>>,
    path: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if !path.iter().any(|(name, value)| name == "token" && same(value, &app.admin_token)) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "the token is not right: take the whole `admin_url`"));
    }
    Ok(next.run(request).await)
}

/// Compares without telling by its time how much was right.
fn same(sent: &str, token: &str) -> bool {
    let differing = sent.bytes().zip(token.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
    sent.len() == token.len() && differing == 0
}

fn rules(app: &App) -> MutexGuard<'_, Faults> {
    app.faults.lock().unwrap_or_else(PoisonError::into_inner)
}

fn journal(app: &App) -> MutexGuard<'_, Journal> {
    app.journal.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn faults(State(app): State<Arc<App>>) -> Answer {
    ok(json!({"faults": rules(&app).list()}))
}

async fn add_fault(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let rule: Rule = serde_json::from_slice(&body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    created(json!({"id": rules(&app).add(rule)}))
}

async fn clear_faults(State(app): State<Arc<App>>) -> Answer {
    rules(&app).clear();
    nothing()
}

async fn remove_fault(State(app): State<Arc<App>>, Path((_, id)): Path<(String, u32)>) -> Answer {
    if rules(&app).remove(id) {
        return nothing();
    }
    Err(Refusal::not_found("fault"))
}

async fn requests(State(app): State<Arc<App>>) -> Answer {
    ok(json!({"requests": journal(&app).entries()}))
}

async fn clear_requests(State(app): State<Arc<App>>) -> Answer {
    journal(&app).clear();
    nothing()
}

/// The knobs, and `enable_logical_replication` of the project beside them.
fn shown_settings(app: &App) -> Answer {
    let world = app.world();
    let mut shown = json!(world.knobs);
    shown["enable_logical_replication"] = json!(world.logical());
    ok(shown)
}

async fn settings(State(app): State<Arc<App>>) -> Answer {
    shown_settings(&app)
}

async fn patch_settings(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let mut sent = object(&body)?;
    let logical = sent.remove("enable_logical_replication");
    {
        let mut world = app.world();
        let patched = world.knobs.patched(sent);
        world.knobs = patched.map_err(|error| Refusal::bad_request(error.to_string()))?;
        // The project says so at once; the server does at its next start.
        if let Some(logical @ Value::Bool(_)) = logical {
            world.settings.insert("enable_logical_replication".to_owned(), logical);
        }
    }
    app.polled.notify_waiters();
    shown_settings(&app)
}

async fn add_branch(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let sent = object(&body)?;
    let name = sent.get("name").and_then(Value::as_str).unwrap_or("other").to_owned();
    let branch = OtherBranch { id: names::branch_id(), name, created_at: names::now() };
    let id = branch.id.clone();
    app.world().other_branches.push(branch);
    created(json!({"id": id}))
}

/// A database that is there when the answer comes; no operation is left behind.
async fn add_database(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let sent = object(&body)?;
    let text = |key: &str| sent.get(key).and_then(Value::as_str);
    let Some(name) = text("name") else {
        return Err(Refusal::bad_request("name is required"));
    };
    let owner = text("owner").unwrap_or(OWNER);
    app.wake().await?;
    admin::create_database(app.access(), name, owner).await?;
    app.take_over_catalogue().await;
    created(json!({"name": name, "owner": owner}))
}

async fn postgres(State(app): State<Arc<App>>) -> Answer {
    let state = match app.server_state() {
        ServerState::Up => "up",
        ServerState::Asleep => "asleep",
        ServerState::Stopped => "stopped",
    };
    ok(json!({
        "state": state,
        "pid": app.server_pid().await,
        "port": app.access().port,
        "log": app.log,
        "superuser_dsn_file": app.dsn_file,
    }))
}

async fn start(State(app): State<Arc<App>>) -> Answer {
    app.wake().await?;
    postgres(State(app)).await
}

async fn stop(State(app): State<Arc<App>>) -> Answer {
    app.stop().await?;
    postgres(State(app)).await
}

async fn crash(State(app): State<Arc<App>>) -> Answer {
    app.crash().await?;
    postgres(State(app)).await
}

async fn restart(State(app): State<Arc<App>>) -> Answer {
    app.restart().await?;
    postgres(State(app)).await
}

/// Ends sessions with 57P01; `{"whom": "all"}` ends walsenders too.
async fn terminate_backends(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let whom = match object(&body)?.remove("whom") {
        None => Dropped::Clients,
        Some(whom) => serde_json::from_value(whom).map_err(|error| Refusal::bad_request(error.to_string()))?,
    };
    let client = app.superuser().await?;
    let ended = admin::terminate(&client, whom).await?;
    ok(json!({"terminated": ended}))
}

/// Cuts every connection through the front without a word, as a network would.
async fn cut_connections(State(app): State<Arc<App>>) -> Answer {
    app.cut.notify_waiters();
    nothing()
}
