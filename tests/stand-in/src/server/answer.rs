//! Answers of the API: what was asked for, or an error in Neon's shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status.
    pub(crate) status: StatusCode,
    /// `message` of the body.
    pub(crate) message: String,
}

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Refusal>;

impl Refusal {
    /// An error with that status and text.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 404.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 423, with Neon's words.
    pub(crate) fn locked() -> Self {
        Self::new(
            StatusCode::LOCKED,
            "project already has running conflicting operations, scheduling of new ones is prohibited",
        )
    }
}

impl Refusal {
    /// The body in Neon's shape (`GeneralError`).
    pub(crate) fn body(&self, request_id: &str) -> Value {
        json!({"request_id": request_id, "code": "", "message": self.message})
    }

    /// The answer with that body.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        (self.status, Json(self.body(request_id))).into_response()
    }
}

/// An empty answer that carries the refusal: the layer that knows the request's id writes it out.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!("{error:#}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
    }
}

/// 200 with a body.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler")]
pub(crate) fn ok(body: Value) -> Answer {
    Ok(Json(body).into_response())
}

/// 201 with a body.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler")]
pub(crate) fn created(body: Value) -> Answer {
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// 204.
#[expect(clippy::unnecessary_wraps, reason = "the last expression of a handler")]
pub(crate) fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The JSON object of a body; none at all counts as an empty one.
pub(crate) fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad_request("request body must be an object")),
        Err(error) => Err(Refusal::bad_request(format!("request body has an error: {error}"))),
    }
}

/// The object under `key` of a body, as in `{"role": {…}}`.
pub(crate) fn member(body: &[u8], key: &str) -> Result<serde_json::Map<String, Value>, Refusal> {
    match object(body)?.remove(key) {
        Some(Value::Object(member)) => Ok(member),
        _ => Err(Refusal::bad_request(format!("[body.{key}] must be an object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        assert!(object(b"").expect("empty").is_empty());
        assert!(object(b"[]").is_err());
        assert!(object(b"{").is_err());
        let role = member(br#"{"role": {"name": "x"}}"#, "role").expect("role");
        assert_eq!(role["name"], "x");
        assert!(member(br#"{"role": 1}"#, "role").is_err());
        assert!(member(b"{}", "role").is_err());
    }
}
