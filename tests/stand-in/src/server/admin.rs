//! The admin routes: faults, the journal, settings, and the servers. The token in their path is the key to them.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, nothing, object, ok};
use super::servers;
use crate::app::App;
use crate::faults::{Faults, Rule};
use crate::front::rounds::Fault;
use crate::journal::Journal;
use crate::turned::Turned;

/// All of them.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/reset", post(reset))
        .route("/stop", post(stop))
        .route("/ca.pem", get(authority))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/rounds", get(rounds).post(arm_round).delete(clear_rounds))
        .route("/settings", get(settings).patch(patch_settings))
        .route("/branches", post(servers::add_branch))
        .route("/databases", post(servers::add_database))
        .route("/postgres", get(servers::postgres))
        .route("/postgres/start", post(servers::start))
        .route("/postgres/stop", post(servers::stop))
        .route("/postgres/crash", post(servers::crash))
        .route("/postgres/restart", post(servers::restart))
        .route("/postgres/settings", patch(servers::set))
        .route("/slots/{name}/lose", post(servers::lose_slot))
        .route("/terminate_backends", post(servers::terminate_backends))
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

async fn rounds(State(app): State<Arc<App>>) -> Answer {
    ok(app.rounds.shown())
}

async fn arm_round(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let fault: Fault = serde_json::from_slice(&body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    app.rounds.arm(fault);
    nothing()
}

async fn clear_rounds(State(app): State<Arc<App>>) -> Answer {
    app.rounds.clear();
    nothing()
}

/// The knobs, and beside them what can be turned on the first project and its default branch.
fn shown_settings(app: &App) -> Answer {
    let world = app.world();
    let mut shown = json!(world.knobs);
    if let (Value::Object(shown), Value::Object(turned)) = (&mut shown, json!(Turned::of(&world))) {
        shown.extend(turned);
    }
    ok(shown)
}

async fn settings(State(app): State<Arc<App>>) -> Answer {
    shown_settings(&app)
}

async fn patch_settings(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let mut sent = object(&body)?;
    {
        let wrong = |error: serde_json::Error| Refusal::bad_request(error.to_string());
        let mut world = app.world();
        Turned::turn(&mut world, &mut sent).map_err(wrong)?;
        world.knobs = world.knobs.patched(sent).map_err(wrong)?;
    }
    app.polled.notify_waiters();
    shown_settings(&app)
}

/// Back to the state of the start.
async fn reset(State(app): State<Arc<App>>) -> Answer {
    crate::reset::reset(&app).await?;
    nothing()
}

/// Ends the whole, as SIGTERM does, once the answer is on its way.
async fn stop(State(app): State<Arc<App>>) -> Answer {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.stop.notify_one();
    });
    nothing()
}

/// What a client on another machine must trust: the content of `sslrootcert`.
async fn authority(State(app): State<Arc<App>>) -> Answer {
    let pem = std::fs::read_to_string(&app.lab.certificates.authority).map_err(anyhow::Error::from)?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

/// Cuts every connection through the front without a word, as a network would.
async fn cut_connections(State(app): State<Arc<App>>) -> Answer {
    app.cut.notify_waiters();
    nothing()
}
