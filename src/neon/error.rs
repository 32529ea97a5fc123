//! What can go wrong with Neon's API: a kind to match on, and everything a person needs to find the cause.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ids::InvalidId;
use super::request::Method;
use crate::single_flight::Failure;

/// How a call ended. Decided by HTTP status and by the types of errors, never by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// 404 or 410 in Neon's own form: the object or its container is absent, or the key may not see it.
    NotFound,
    /// 401: the key is wrong, revoked or missing.
    Unauthorized,
    /// 403: the key is known and may not do this.
    Forbidden,
    /// 409: such an object exists.
    Conflict,
    /// 423 until the time limit: another operation runs on the project.
    Locked,
    /// 429 until the time limit.
    RateLimited,
    /// 412: the project does not store passwords, so none can be read.
    PasswordsNotStored,
    /// 400, 422 and other refusals of a request, or a name that cannot be sent.
    Rejected,
    /// 5xx: the API is unavailable.
    Unavailable,
    /// The answer is not the API's: a page for people, a redirect, or JSON of another shape. Often a wrong `api_url` or a proxy.
    NotJson,
    /// A call that changes something may have worked, but its answer did not arrive. A read tells.
    AnswerLost,
    /// No connection, or one that broke during a call that changes nothing.
    Network,
    /// The server's certificate is not trusted or names another host, or TLS is not spoken there. The next attempt fails too:
    /// `SSL_CERT_FILE`, `api_url` or `HTTPS_PROXY` is to be corrected.
    UntrustedServer,
    /// The host name of `api_url` or of the proxy does not resolve.
    UnknownHost,
    /// The proxy of `HTTPS_PROXY` refuses the connection, for example with 407.
    ProxyRefused,
    /// An operation that the call started has failed or was cancelled.
    OperationFailed,
    /// The caller's deadline passed.
    TimedOut,
    /// The caller gave up.
    Cancelled,
}

impl Kind {
    /// Whether every further call of this process fails in the same way, because only a changed setting helps.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(self, Self::Unauthorized | Self::UntrustedServer | Self::UnknownHost | Self::ProxyRefused)
    }
}

/// A failed call to Neon's API. Cheap to clone, because those who wait for one load share its error.
#[derive(Clone)]
pub(crate) struct Error(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    call: Option<(Method, String)>,
    status: Option<u16>,
    request_id: Option<String>,
    code: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    tries: u32,
    context: Vec<String>,
}

impl Error {
    /// An error that no call has caused.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Arc::new(Parts {
            kind,
            call: None,
            status: None,
            request_id: None,
            code: None,
            message: message.into(),
            retry_after: None,
            tries: 1,
            context: Vec::new(),
        }))
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    pub(crate) fn at(self, method: Method, path: &str) -> Self {
        self.with(|parts| parts.call = Some((method, path.to_owned())))
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        self.with(|parts| parts.status = Some(status))
    }

    pub(crate) fn with_api_fields(self, request_id: Option<String>, code: Option<String>) -> Self {
        self.with(|parts| {
            parts.request_id = request_id.filter(|text| !text.is_empty());
            parts.code = code.filter(|text| !text.is_empty());
        })
    }

    /// The id under which the request was sent, where the answer names none.
    pub(crate) fn with_sent_id(self, id: &str) -> Self {
        if self.0.request_id.is_some() {
            return self;
        }
        self.with(|parts| parts.request_id = Some(id.to_owned()))
    }

    /// Rewrites every text that did not come from this crate alone.
    pub(crate) fn with_texts(self, rewrite: impl Fn(String) -> String) -> Self {
        self.with(|parts| {
            parts.message = rewrite(std::mem::take(&mut parts.message));
            parts.code = parts.code.take().map(&rewrite);
            parts.request_id = parts.request_id.take().map(&rewrite);
            parts.context = std::mem::take(&mut parts.context).into_iter().map(&rewrite).collect();
        })
    }

    pub(crate) fn with_retry_after(self, wait: Option<Duration>) -> Self {
        self.with(|parts| parts.retry_after = wait)
    }

    pub(crate) fn with_tries(self, tries: u32) -> Self {
        self.with(|parts| parts.tries = tries)
    }

    pub(crate) fn with_kind(self, kind: Kind) -> Self {
        self.with(|parts| parts.kind = kind)
    }

    /// Says what the call was for. The newest context comes first.
    pub(crate) fn context(self, doing: impl Into<String>) -> Self {
        self.with(|parts| parts.context.insert(0, doing.into()))
    }

    /// What to match on.
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The HTTP status, if there was an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The id of the request, for Neon's support.
    #[cfg(test)]
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The API's own code; often absent.
    #[cfg(test)]
    pub(crate) fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What the API answered, or what happened to the call.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The shortest wait that the API asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How often the call was sent.
    #[cfg(test)]
    pub(crate) fn tries(&self) -> u32 {
        self.0.tries
    }

    /// Whether the object or its container is absent, or not visible to the key.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind() == Kind::NotFound
    }
}

/// Absence is an answer to a read: `NotFound` becomes `None`. The object is gone only if its container answers.
pub(crate) fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<InvalidId> for Error {
    fn from(wrong: InvalidId) -> Self {
        Self::new(Kind::Rejected, wrong.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        for doing in &parts.context {
            write!(f, "{doing}: ")?;
        }
        match (&parts.call, parts.status) {
            (Some((method, path)), Some(status)) => {
                write!(f, "`{method} {path}` was answered {status}: ")?;
            }
            (Some((method, path)), None) => write!(f, "`{method} {path}`: ")?,
            (None, _) => {}
        }
        f.write_str(&parts.message)?;
        let mut notes = Vec::new();
        if let Some(code) = &parts.code {
            notes.push(format!("code `{code}`"));
        }
        if let Some(id) = &parts.request_id {
            notes.push(format!("request id `{id}`"));
        }
        if parts.tries > 1 {
            notes.push(format!("{} attempts", parts.tries));
        }
        if !notes.is_empty() {
            write!(f, " ({})", notes.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl std::error::Error for Error {}

impl Failure for Error {
    fn is_of_one_caller(&self) -> bool {
        matches!(self.kind(), Kind::TimedOut | Kind::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_all_that_support_asks_for() {
        let error = Error::new(Kind::Locked, "project already has running conflicting operations")
            .at(Method::Post, "/projects/p/branches/br-1/roles")
            .with_status(423)
            .with_api_fields(Some("r-1".to_owned()), Some(String::new()))
            .with_tries(4)
            .context("creating role `r`");
        assert_eq!(
            error.to_string(),
            "creating role `r`: `POST /projects/p/branches/br-1/roles` was answered 423: \
             project already has running conflicting operations (request id `r-1`, 4 attempts)"
        );
        assert_eq!(error.code(), None);
    }

    #[test]
    fn absent_is_an_answer_and_the_rest_an_error() {
        assert_eq!(found(Ok(1)).ok(), Some(Some(1)));
        assert_eq!(found::<u8>(Err(Error::new(Kind::NotFound, "x"))).ok(), Some(None));
        assert!(found::<u8>(Err(Error::new(Kind::Forbidden, "x"))).is_err());
    }
}
