//! Every answer has an id, the client's own where it sent one, and every error is JSON in Neon's shape.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::Refusal;
use crate::names;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest text of an error that did not come from us.
const LARGEST: usize = 1 << 16;

/// The outermost layer.
pub(crate) async fn pass(request: Request, next: Next) -> Response {
    let sent = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let id = sent.map_or_else(names::uuid, str::to_owned);
    let mut answer = in_neons_shape(next.run(request).await, &id).await;
    if let Ok(id) = HeaderValue::try_from(id) {
        answer.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    answer
}

/// A refusal is written out; the framework's own plain texts (a query that cannot be read, say) become refusals.
async fn in_neons_shape(mut answer: Response, id: &str) -> Response {
    if let Some(refusal) = answer.extensions_mut().remove::<Refusal>() {
        let mut written = refusal.answer(id);
        for (name, value) in answer.headers() {
            written.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        return written;
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let foreign = kind.is_empty() || kind.starts_with("text/plain");
    let status = answer.status();
    if !(status.is_client_error() || status.is_server_error()) || !foreign {
        return answer;
    }
    let text = to_bytes(answer.into_body(), LARGEST).await.unwrap_or_default();
    let message = String::from_utf8_lossy(&text).into_owned();
    let usual = || status.canonical_reason().unwrap_or("error").to_lowercase();
    Refusal::new(status, if message.is_empty() { usual() } else { message }).answer(id)
}
