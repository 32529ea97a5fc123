//! A call to Neon's API as a value: method, path, query, body, and how its answer is read. Nothing here does IO.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ids::{InvalidId, check_name};

/// Everything but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The methods that the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Reads. Safe to send again.
    Get,
    /// Creates an object or starts an action.
    Post,
    /// Changes the fields in the body.
    Patch,
    Delete,
}

impl Method {
    /// Whether a call may change something, so that a lost answer leaves its effect unknown.
    pub(crate) fn changes(self) -> bool {
        self != Self::Get
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// A path below the base URL, built from fixed words, checked ids and escaped names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    /// The same with `{}` in place of ids and names: rate limits are counted by route.
    route: String,
}

impl Path {
    pub(crate) fn of(word: &'static str) -> Self {
        Self { text: String::new(), route: String::new() }.word(word)
    }

    pub(crate) fn word(mut self, word: &'static str) -> Self {
        for text in [&mut self.text, &mut self.route] {
            text.push('/');
            text.push_str(word);
        }
        self
    }

    /// An id is sent as it is: its type holds only characters that need no escaping.
    pub(crate) fn id(mut self, id: &impl Id) -> Self {
        self.text.push('/');
        self.text.push_str(id.text());
        self.route.push_str("/{}");
        self
    }

    /// A name is escaped. An empty one or a path step is refused, because escaping does not help there.
    pub(crate) fn name(mut self, kind: &'static str, name: &str) -> Result<Self, InvalidId> {
        check_name(kind, name)?;
        self.text.push('/');
        self.text.extend(utf8_percent_encode(name, ESCAPED));
        self.route.push_str("/{}");
        Ok(self)
    }
}

/// What may stand in a path without escaping.
pub(crate) trait Id {
    fn text(&self) -> &str;
}

macro_rules! path_ids {
    ($($id:ident)*) => {$(
        impl Id for super::ids::$id {
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}

path_ids!(ProjectId BranchId EndpointId OperationId);

/// A successful answer before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// Why an answer could not be read; the text never repeats a value of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

/// One call. `T` is what its answer says.
pub(crate) struct Request<T> {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Method and path with `{}` in place of ids and names.
    pub(crate) route: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    /// The body is computed from what was read, and must not be sent again without another read.
    pub(crate) once: bool,
    pub(crate) read: fn(Answer<'_>) -> Result<T, Unreadable>,
}

impl<T> Request<T> {
    pub(crate) fn new(method: Method, path: Path, read: fn(Answer<'_>) -> Result<T, Unreadable>) -> Self {
        let route = format!("{method} {}", path.route);
        Self { method, route, path: path.text, query: Vec::new(), body: None, once: false, read }
    }

    pub(crate) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends it at most once: the caller computes another one after a failure.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The project that the call is about; empty for none.
    pub(crate) fn project(&self) -> &str {
        let below = self.path.strip_prefix("/projects/").unwrap_or_default();
        below.split('/').next().unwrap_or_default()
    }

    /// Path and query as they are sent.
    pub(crate) fn target(&self) -> String {
        let mut target = self.path.clone();
        for (at, (key, value)) in self.query.iter().enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(key);
            target.push('=');
            target.extend(utf8_percent_encode(value, ESCAPED));
        }
        target
    }
}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target())?;
        match &self.body {
            Some(body) => write!(f, " {body}"),
            None => Ok(()),
        }
    }
}

/// Reads JSON leniently: unknown fields are ignored. The error names the position, never the value found there.
pub(crate) fn json<T: DeserializeOwned>(answer: Answer<'_>) -> Result<T, Unreadable> {
    serde_json::from_slice(answer.body).map_err(|error| Unreadable(without_values(&error)))
}

/// A field that may be absent or null: both mean the default.
pub(crate) fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// serde's messages quote what was found, which may be a password in the wrong place. Only those about absent fields are safe.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field `") {
        return text;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "a value of another form than expected",
        serde_json::error::Category::Eof => "the end of the text too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "a text that is not JSON",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::super::ids::ProjectId;
    use super::*;

    #[test]
    fn names_are_escaped_and_ids_are_not() {
        let project = ProjectId::parse("p-1").expect("legal");
        let path = Path::of("projects").id(&project).word("roles").name("role", "a b/c%d?é\"").expect("legal");
        assert_eq!(path.text, "/projects/p-1/roles/a%20b%2Fc%25d%3F%C3%A9%22");
        let request = Request::<Value>::new(Method::Delete, path, json).query("a", "b");
        assert_eq!((request.route.as_str(), request.project()), ("DELETE /projects/{}/roles/{}", "p-1"));
        assert_eq!(Request::<Value>::new(Method::Get, Path::of("auth"), json).project(), "");
        let refused = Path::of("roles").name("role", "..").expect_err("a path step");
        assert_eq!(refused.to_string(), "role `..` cannot be sent to Neon's API");
    }

    #[test]
    fn the_query_is_escaped() {
        let request = Request::<Value>::new(Method::Get, Path::of("x"), json).query("a", "1&2").query("b", "ü");
        assert_eq!(format!("{request:?}"), "GET /x?a=1%262&b=%C3%BC");
    }

    #[test]
    fn an_unreadable_answer_does_not_repeat_its_values() {
        let read =
            |body: &str| json::<std::collections::BTreeMap<String, u8>>(Answer { status: 200, body: body.as_bytes() });
        let wrong = read(r#"{"password":"npg_secret"}"#).expect_err("not a number");
        assert!(wrong.0.starts_with("a value of another form"), "{wrong:?}");
        assert!(!wrong.0.contains("npg_secret"));
        assert!(read("<html>").expect_err("not JSON").0.starts_with("a text that is not JSON"));
        assert!(read("{\"a\":").expect_err("cut off").0.starts_with("the end of the text too early"));
    }
}
