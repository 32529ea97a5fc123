//! Who may speak to us at all: a page in somebody's browser may not, by whatever name it has found us.
//!
//! A browser sends `Origin` with every call of another site, and keeps the `Host` that the page was loaded from when
//! that name is made to point here (DNS rebinding). A form or a simple `fetch` cannot send JSON by its right name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::Refusal;
use crate::app::App;

/// The layer around everything that is served.
pub(crate) async fn pass(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Refusal> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "requests of web pages (with an Origin header) are refused"));
    }
    let host = host(&request);
    if !host.is_some_and(|host| answers_to(host, &app.names)) {
        let message = "this Host is not served: use localhost, 127.0.0.1, or a name given with --name";
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, message));
    }
    if !request.body().is_end_stream() && !says_json(headers) {
        let message = "a body needs the header Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(next.run(request).await)
}

/// The name that the client called us by, without the port.
fn host(request: &Request) -> Option<&str> {
    let authority = match request.headers().get(header::HOST) {
        Some(host) => host.to_str().ok()?,
        None => request.uri().authority()?.as_str(),
    };
    Some(match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(name, _)| name),
    })
}

/// Whether `host` is this machine's own name, or one of `names`.
fn answers_to(host: &str, names: &[String]) -> bool {
    let loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback
        || std::iter::once("localhost")
            .chain(names.iter().map(String::as_str))
            .any(|name| name.eq_ignore_ascii_case(host))
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn called(authority: &str) -> bool {
        let request = Request::builder().header(header::HOST, authority).body(Body::empty()).expect("a request");
        host(&request).is_some_and(|host| answers_to(host, &["db".to_owned(), "192.0.2.7".to_owned()]))
    }

    #[test]
    fn only_our_own_names_are_served() {
        for ours in ["localhost", "LOCALHOST:80", "127.0.0.1:5", "127.1.2.3", "[::1]:80", "db:80", "192.0.2.7"] {
            assert!(called(ours), "{ours}");
        }
        for foreign in ["evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "0.0.0.0", "192.0.2.8", ""] {
            assert!(!called(foreign), "{foreign}");
        }
    }

    #[test]
    fn what_a_form_can_send_is_not_json() {
        let says = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
            says_json(&headers)
        };
        assert!(says("application/json") && says("Application/JSON; charset=utf-8"));
        assert!(!says("text/plain") && !says("application/x-www-form-urlencoded") && !says("application/jsonp"));
        assert!(!says_json(&HeaderMap::new()));
    }
}
