//! What every call of the API passes: the journal, the redirect of empty path segments, the key, the faults.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Refusal;
use super::{API, known_keys};
use crate::app::App;
use crate::faults::{Action, Fate, When};
use crate::journal::{self, Entry};
use crate::world::{Key, KeyKind};

/// Largest body that is read.
const LARGEST: usize = 1 << 20;

/// How the first operation of this call is to end.
#[derive(Clone, Copy)]
pub(crate) struct Destined(pub(crate) Fate);

impl<S: Sync> FromRequestParts<S> for Destined {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(Fate::Finished)))
    }
}

/// The key that a call was made with.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Key);

impl Caller {
    /// Refuses keys that are not a user's, as Neon does.
    pub(crate) fn is_a_user(&self) -> Result<(), Refusal> {
        if self.0.kind == KeyKind::Personal {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::NOT_FOUND, "not allowed for organization API keys"))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get().cloned().ok_or_else(unauthorized)
    }
}

fn unauthorized() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "authentication failed")
}

/// The layer around all routes of the API.
pub(crate) async fn pass(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return Refusal::bad_request("request body is too large").into_response();
    };
    // Nesting has cut the folder off already; a path that still has it came another way.
    let path = parts.uri.path().strip_prefix(API).unwrap_or(parts.uri.path()).to_owned();
    let method = parts.method.to_string();
    let caller = sent_key(&parts.headers).and_then(|secret| app.world().key(secret));
    // A fault needs no key: the network and the proxies before the API know none.
    let fault = app.faults.lock().unwrap_or_else(PoisonError::into_inner).apply(&method, &path);
    let (rule, action) = fault.unzip();
    let number = note(&app, &parts, &path, &body, action.as_ref());
    let action = action.unwrap_or_default();

    if let Some(delay) = action.delay_ms {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if action.hold == Some(When::Before) {
        held(&app, rule).await;
    }
    if action.reset == Some(When::Before) {
        cut();
    }
    let answer = if let Some(folded) = without_empty_segments(&path) {
        redirect(&folded, parts.uri.query())
    } else if let (Some(status), false) = (action.answer_status(), action.after_effect) {
        faulty(&action, status)
    } else if let Some(refused) = too_many(&app, &parts) {
        refused
    } else {
        match caller {
            None => unauthorized().into_response(),
            Some(key) if project_of(&path).is_some_and(|project| !key.sees(project)) => {
                Refusal::not_found("project").into_response()
            }
            Some(key) => {
                parts.extensions.insert(Caller(key));
                parts.extensions.insert(Destined(action.operation.unwrap_or_default()));
                let done = next.run(Request::from_parts(parts, Body::from(body))).await;
                match action.answer_status() {
                    Some(status) => faulty(&action, status),
                    None => done,
                }
            }
        }
    };
    if action.hold == Some(When::After) {
        held(&app, rule).await;
    }
    if action.reset == Some(When::After) {
        cut();
    }
    let (answer, kept) = if app.world().knobs.journal_answers { kept(answer).await } else { (answer, None) };
    app.journal.lock().unwrap_or_else(PoisonError::into_inner).answered(number, answer.status().as_u16(), kept);
    answer
}

/// The answer, and its body for the journal.
async fn kept(answer: Response) -> (Response, Option<serde_json::Value>) {
    let (parts, body) = answer.into_parts();
    // Answers are made in memory, so reading one cannot fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let kept = journal::body(&body);
    (Response::from_parts(parts, Body::from(body)), Some(kept))
}

/// Waits until the rule is deleted.
async fn held(app: &App, rule: Option<u32>) {
    let waits = |id| app.faults.lock().unwrap_or_else(PoisonError::into_inner).hold(id);
    while rule.is_some_and(waits) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn sent_key(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// 429 when the limits that a test has set are reached.
fn too_many(app: &App, parts: &Parts) -> Option<Response> {
    let (per_minute, per_second, retry_after) = {
        let knobs = &app.world().knobs;
        (knobs.requests_per_minute, knobs.requests_per_second, knobs.retry_after)
    };
    let pattern = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let route = format!("{} {pattern}", parts.method);
    let mut rates = app.rates.lock().unwrap_or_else(PoisonError::into_inner);
    if rates.admit(Instant::now(), &route, per_minute, per_second) {
        return None;
    }
    let mut answer = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate limit exceeded").into_response();
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Some(answer)
}

/// The project that a path is about.
fn project_of(path: &str) -> Option<&str> {
    let project = path.strip_prefix("/projects/")?.split('/').next()?;
    (!matches!(project, "shared" | "auth")).then_some(project)
}

fn note(app: &App, parts: &Parts, path: &str, body: &Bytes, fault: Option<&Action>) -> u64 {
    let user_agent = parts.headers.get(header::USER_AGENT);
    let body = journal::body(body);
    let entry = Entry {
        number: 0,
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        user_agent: user_agent.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned(),
        unknown: known_keys::unknown(parts.method.as_str(), path, &body),
        body,
        status: None,
        answer: None,
        fault: fault.cloned(),
    };
    app.journal.lock().unwrap_or_else(PoisonError::into_inner).add(entry)
}

/// Neon answers an empty segment before any handler, with a redirect that keeps the method.
fn without_empty_segments(path: &str) -> Option<String> {
    path.contains("//").then(|| {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        format!("{API}/{}", segments.join("/"))
    })
}

fn redirect(path: &str, query: Option<&str>) -> Response {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response()
}

fn faulty(action: &Action, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = if let Some(html) = &action.html {
        (status, axum::response::Html(html.clone())).into_response()
    } else if let Some(body) = &action.body {
        (status, Json(body)).into_response()
    } else {
        let message = action.message.clone();
        let usual = || match status {
            StatusCode::LOCKED => Refusal::locked().message,
            other => other.canonical_reason().unwrap_or("error").to_lowercase(),
        };
        Refusal::new(status, message.unwrap_or_else(usual)).into_response()
    };
    for (name, value) in &action.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Ends the task of this connection, which closes it without an answer. No panic hook runs.
fn cut() -> ! {
    resume_unwind(Box::new("connection cut on request of the test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_are_folded() {
        for (path, folded) in [
            ("/projects//branches", Some("/api/v2/projects/branches")),
            ("/projects/p//", Some("/api/v2/projects/p")),
            ("/projects/p", None),
        ] {
            assert_eq!(without_empty_segments(path).as_deref(), folded, "{path}");
        }
    }

    #[test]
    fn the_key_is_the_bearers() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            sent_key(&headers).map(str::to_owned)
        };
        assert_eq!(with("Bearer napi_x").as_deref(), Some("napi_x"));
        assert_eq!(with("napi_x"), None);
        assert_eq!(sent_key(&HeaderMap::new()), None);
    }

    #[test]
    fn the_project_of_a_path() {
        assert_eq!(project_of("/projects/p/branches"), Some("p"));
        assert_eq!(project_of("/projects/shared"), None);
        assert_eq!(project_of("/auth"), None);
    }
}
