//! An answer that is not a success, or cannot be read, as an error: in Neon's own form, or a page for people.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::error::{Error, Kind};
use super::request::{Method, Unreadable};

/// How much of an answer that is not the API's is shown, in characters.
const EXCERPT: usize = 200;

/// How much of one text of the API is kept, in characters.
const LONGEST_TEXT: usize = 2000;

/// An answer as it came.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) location: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Body,
}

/// The body of an answer, read up to a limit.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) cut: Option<Cut>,
}

/// Why a body is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is longer than this limit in bytes, and the rest was not read.
    TooLong(usize),
    /// It broke off, or did not end in time.
    BrokenOff,
}

/// Neon's `GeneralError`. Its document requires `code` and `message`; the code is often empty.
#[derive(Deserialize)]
struct GeneralError {
    #[serde(default)]
    request_id: Text,
    #[serde(default)]
    code: Text,
    #[serde(default)]
    message: Text,
}

/// A text field. One of another form is ignored, because the status says enough.
#[derive(Default)]
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Other(IgnoredAny),
        }
        Ok(match Given::deserialize(from)? {
            Given::Text(text) if !text.is_empty() => Self(Some(shortened(text))),
            Given::Text(_) | Given::Other(_) => Self(None),
        })
    }
}

/// A text of the API, cut where it is longer than any message should be.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

impl Body {
    /// Any JSON object counts as Neon's own form.
    fn general_error(&self) -> Option<GeneralError> {
        // serde would read a list of three texts as the three fields too.
        let object = self.cut.is_none() && self.bytes.trim_ascii_start().first() == Some(&b'{');
        object.then(|| serde_json::from_slice(&self.bytes).ok())?
    }

    fn is_page(&self) -> bool {
        self.bytes.trim_ascii_start().first() == Some(&b'<')
    }

    /// The start of the text that a person would see: without tags, scripts and runs of blanks.
    fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(64 * EXCERPT)]).into_owned();
        let visible = visible(&text);
        match visible.char_indices().nth(EXCERPT) {
            _ if visible.is_empty() => String::new(),
            Some((end, _)) => format!(": {}…", &visible[..end]),
            None => format!(": {visible}"),
        }
    }
}

impl Reply {
    /// An answer with a status that is not a success.
    pub(crate) fn into_error(self, method: Method) -> Error {
        let own = self.body.general_error();
        let kind = kind(method, self.status, own.is_some());
        let (request_id, code, message) = match own {
            Some(own) => (own.request_id.0, own.code.0, own.message.0),
            None => (None, None, None),
        };
        let message = match (message, self.body.cut) {
            (Some(message), _) => message,
            (None, _) if (300..400).contains(&self.status) => self.redirected(),
            (None, Some(Cut::TooLong(limit))) if !self.body.is_page() => {
                format!("the answer is longer than {} KiB, which no error of Neon's API is", limit >> 10)
            }
            (None, Some(Cut::BrokenOff)) if !self.body.is_page() => {
                "the answer broke off or did not end in time".to_owned()
            }
            (None, _) => format!("the answer is not in the form of Neon's API{}", self.body.excerpt()),
        };
        Error::new(kind, message)
            .with_status(self.status)
            .with_api_fields(request_id.or(self.request_id), code)
            .with_retry_after(self.retry_after)
    }

    /// A success that cannot be read. JSON is never shown, because it may hold a password.
    pub(crate) fn unreadable(&self, method: Method, unreadable: &Unreadable) -> Error {
        let message = if self.body.is_page() {
            format!("the answer is a page for people, not JSON{}", self.body.excerpt())
        } else if let Some(Cut::TooLong(limit)) = self.body.cut {
            format!("the answer is longer than {} MiB", limit >> 20)
        } else {
            format!("the answer cannot be read: {}", unreadable.0)
        };
        // Something took the call: a change may have been made, and a page says nothing about it.
        let kind = if method.changes() { Kind::AnswerLost } else { Kind::NotJson };
        Error::new(kind, message).with_status(self.status).with_api_fields(self.request_id.clone(), None)
    }

    fn redirected(&self) -> String {
        let host = self
            .location
            .as_deref()
            .and_then(|to| Url::parse(to).ok())
            .and_then(|to| to.host_str().map(|host| format!(" to `{host}`")));
        format!("the answer is a redirect{}, which the API never sends: check `api_url`", host.unwrap_or_default())
    }
}

/// The kind by status. Only Neon's own form proves that an object is absent: any web server can answer 404.
fn kind(method: Method, status: u16, own_form: bool) -> Kind {
    match status {
        401 => Kind::Unauthorized,
        407 => Kind::ProxyRefused,
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
        let body = Body { bytes: body.as_bytes().to_vec(), cut: None };
        Reply { status, retry_after: None, location: None, request_id: None, body }
    }

    fn kind_of(method: Method, status: u16) -> Kind {
        reply(status, r#"{"code":"","message":"m"}"#).into_error(method).kind()
    }

    #[test]
    fn kinds_follow_the_status() {
        for (status, kind) in [
            (400, Kind::Rejected),
            (401, Kind::Unauthorized),
            (407, Kind::ProxyRefused),
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
    fn fields_of_another_form_are_ignored() {
        for odd in [
            r#"{"code":7,"message":["m"],"request_id":{"a":null}}"#,
            r#"{"message":""}"#,
            "{}",
            r#"{"message":null,"code":true}"#,
        ] {
            let error = reply(404, odd).into_error(Method::Get);
            assert_eq!((error.kind(), error.code(), error.request_id()), (Kind::NotFound, None, None), "{odd}");
        }
        for other in [r#"["a","b","m"]"#, r#""text""#, "7", r#"{"message":"m""#] {
            assert_eq!(reply(404, other).into_error(Method::Get).kind(), Kind::NotJson, "{other}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = format!(r#"{{"message":"{}"}}"#, "ä".repeat(30_000));
        let error = reply(400, &long).into_error(Method::Get);
        assert_eq!(error.message().chars().filter(|c| *c == 'ä').count(), LONGEST_TEXT);
        assert!(error.message().ends_with("… (60000 bytes)"), "{error}");
        let mut endless = reply(404, r#"{"message":"project not found"}"#);
        endless.body.cut = Some(Cut::TooLong(64 << 10));
        let error = endless.into_error(Method::Get);
        assert_eq!(error.kind(), Kind::NotJson, "what was not read to its end proves nothing");
        assert_eq!(error.message(), "the answer is longer than 64 KiB, which no error of Neon's API is");
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
            "the answer is a redirect to `login.example`, which the API never sends: check `api_url`"
        );
    }
}
