//! An answer of the API that is not what was hoped for, made into an error: Neon's own form, or a page for people.

use std::time::Duration;

use url::Url;

use super::error::{Error, Kind};
use super::request::{Method, Unreadable};

/// How much of an answer that is not the API's is shown, in characters.
const EXCERPT: usize = 200;

/// An answer as it came.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) location: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Neon's `GeneralError`; its document requires `code` and `message`, the code is often empty.
struct GeneralError {
    request_id: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl GeneralError {
    /// Any JSON object counts; fields of another form are passed over.
    fn read(body: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(body).ok()?;
        let fields = value.as_object()?;
        let text = |key: &str| {
            fields.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Some(Self { request_id: text("request_id"), code: text("code"), message: text("message") })
    }
}

impl Reply {
    /// An answer with a status that is not a success.
    pub(crate) fn into_error(self, method: Method) -> Error {
        let own = GeneralError::read(&self.body);
        let kind = kind(method, self.status, own.is_some());
        let (request_id, code, message) = match own {
            Some(own) => (own.request_id, own.code, own.message),
            None => (None, None, None),
        };
        let message = match message {
            Some(message) => message,
            None if (300..400).contains(&self.status) => self.redirected(),
            None => format!("the answer is not in the form of Neon's API{}", self.excerpt()),
        };
        Error::new(kind, message)
            .with_status(self.status)
            .with_api_fields(request_id.or(self.request_id), code)
            .with_retry_after(self.retry_after)
    }

    /// A success that cannot be read. If it is JSON, nothing of it is shown: there may be a password in it.
    pub(crate) fn unreadable(&self, method: Method, unreadable: &Unreadable) -> Error {
        let page = self.body.trim_ascii_start().first() == Some(&b'<');
        let message = if page {
            format!("the answer is a page for people, not JSON{}", self.excerpt())
        } else {
            format!("the answer cannot be read: {}", unreadable.0)
        };
        // Something took the call; a change may have been made, and a page says nothing of it.
        let kind = if method.changes() { Kind::AnswerLost } else { Kind::NotJson };
        Error::new(kind, message).with_status(self.status).with_api_fields(self.request_id.clone(), None)
    }

    fn redirected(&self) -> String {
        let host = self
            .location
            .as_deref()
            .and_then(|to| Url::parse(to).ok())
            .and_then(|to| to.host_str().map(|host| format!(" to `{host}`")));
        format!("the answer is a redirect{}, which the API never sends: check the base URL", host.unwrap_or_default())
    }

    /// The start of the text a person would see: tags, scripts and runs of blanks left out.
    fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(64 * EXCERPT)]).into_owned();
        let visible = visible(&text);
        match visible.char_indices().nth(EXCERPT) {
            _ if visible.is_empty() => String::new(),
            Some((end, _)) => format!(": {}…", &visible[..end]),
            None => format!(": {visible}"),
        }
    }
}

/// The kind by status. Only Neon's own form proves that an object is absent; any web server can say 404.
fn kind(method: Method, status: u16, own_form: bool) -> Kind {
    match status {
        401 => Kind::Unauthorized,
        423 => Kind::Locked,
        429 => Kind::RateLimited,
        503 => Kind::Unavailable,
        500.. if method.changes() => Kind::AnswerLost,
        500.. => Kind::Unavailable,
        _ if !own_form || status < 400 => Kind::NotJson,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        409 => Kind::Conflict,
        412 => Kind::PasswordsNotStored,
        _ => Kind::Rejected,
    }
}

fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        rest = &rest[open..];
        let skipped = ["script", "style"]
            .iter()
            .find(|tag| rest.get(1..=tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag)));
        let end = match skipped {
            // ASCII lower-casing keeps byte positions.
            Some(tag) => rest.to_ascii_lowercase().find(&format!("</{tag}")).unwrap_or(rest.len()),
            None => 0,
        };
        rest = rest[end..].split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.retain(|c| !c.is_control() || c.is_whitespace());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, location: None, request_id: None, body: body.as_bytes().to_vec() }
    }

    fn kind_of(method: Method, status: u16) -> Kind {
        reply(status, r#"{"code":"","message":"m"}"#).into_error(method).kind()
    }

    #[test]
    fn kinds_follow_the_status() {
        for (status, kind) in [
            (400, Kind::Rejected),
            (401, Kind::Unauthorized),
            (403, Kind::Forbidden),
            (404, Kind::NotFound),
            (409, Kind::Conflict),
            (410, Kind::NotFound),
            (412, Kind::PasswordsNotStored),
            (422, Kind::Rejected),
            (423, Kind::Locked),
            (429, Kind::RateLimited),
            (503, Kind::Unavailable),
        ] {
            assert_eq!(kind_of(Method::Get, status), kind, "{status}");
            assert_eq!(kind_of(Method::Post, status), kind, "{status}");
        }
        for status in [500, 502, 504, 524] {
            assert_eq!(kind_of(Method::Get, status), Kind::Unavailable, "{status}");
            assert_eq!(kind_of(Method::Post, status), Kind::AnswerLost, "{status}");
        }
    }

    #[test]
    fn neons_own_fields_are_kept() {
        let error = reply(404, r#"{"request_id":"r-1","code":"X","message":"project not found","more":1}"#)
            .into_error(Method::Get)
            .at(Method::Get, "/projects/p");
        assert_eq!(
            error.to_string(),
            "`GET /projects/p` was answered 404: project not found (code `X`, request id `r-1`)"
        );
        assert_eq!(error.request_id(), Some("r-1"));
    }

    #[test]
    fn a_404_of_another_server_does_not_say_that_the_object_is_gone() {
        let page =
            "<html><head><style>a{}</style><script>x<y</script><title>Not\n found</title></head><body>nginx</body>";
        let error = reply(404, page).into_error(Method::Get);
        assert_eq!(error.kind(), Kind::NotJson);
        assert_eq!(error.message(), "the answer is not in the form of Neon's API: Not found nginx");
        assert_eq!(reply(404, "").into_error(Method::Get).kind(), Kind::NotJson);
        assert_eq!(reply(403, "<h1>blocked").into_error(Method::Get).kind(), Kind::NotJson);
    }

    #[test]
    fn an_excerpt_is_short_and_clean() {
        let long = format!("<p>{}</p>", "é ".repeat(500));
        let message = reply(524, &long).into_error(Method::Get).message().to_owned();
        assert!(message.ends_with('…'), "{message}");
        assert!(message.chars().count() < 260);
        assert_eq!(visible("a\u{1b}[0m <unclosed"), "a[0m");
        assert_eq!(visible("<SCRIPT>never closed"), "");
    }

    #[test]
    fn a_success_that_cannot_be_read_is_shown_only_if_it_is_a_page() {
        let why = Unreadable("missing field `uri`".to_owned());
        let page = reply(200, " <!doctype html><h1>Sign in</h1>").unreadable(Method::Get, &why);
        assert_eq!(
            (page.kind(), page.message()),
            (Kind::NotJson, "the answer is a page for people, not JSON: Sign in")
        );
        let json = reply(200, r#"{"password":"npg_secret"}"#).unreadable(Method::Get, &why);
        assert_eq!(json.message(), "the answer cannot be read: missing field `uri`");
        assert_eq!(reply(200, "<p>").unreadable(Method::Post, &why).kind(), Kind::AnswerLost);
    }

    #[test]
    fn a_redirect_names_its_host_only() {
        let mut moved = reply(307, "");
        moved.location = Some("https://login.example/x?token=t".to_owned());
        let error = moved.into_error(Method::Get);
        assert_eq!(error.kind(), Kind::NotJson);
        assert_eq!(
            error.message(),
            "the answer is a redirect to `login.example`, which the API never sends: check the base URL"
        );
    }
}
