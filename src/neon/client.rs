//! The one place that talks to Neon's API: authentication, time limits, retries, one change per project at a time.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use url::Url;

use super::cache::Cache;
use super::error::{Error, Kind};
use super::ids::ProjectId;
use super::reply::Reply;
use super::request::{Answer, Method, Request};
use super::retry::{self, Budget, Retry};
use crate::secret::Secret;

/// Where Neon's API is if nobody says otherwise.
pub const DEFAULT_BASE_URL: &str = "https://console.neon.tech/api/v2";

/// Longest wait for one answer; Neon's own CLI waits as long.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Longest wait for a connection to the API.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the answer of a change that is under way is awaited after the caller has given up: its effect should be known.
const GRACE: Duration = Duration::from_secs(10);

/// Largest answer that is read; Neon's are a few kilobytes, a page of 1000 branches about a megabyte.
const LARGEST_ANSWER: usize = 32 << 20;

/// What a client is made of.
#[derive(Debug)]
pub struct Settings {
    /// With its `/api/v2`; `http` or `https`, a slash at the end is taken off.
    pub base_url: String,
    /// Personal, organization or project-scoped.
    pub api_key: Secret,
    /// What Terraform said of itself, for the `User-Agent`.
    pub terraform_version: Option<String>,
    /// Appended to the `User-Agent` (`TF_APPEND_USER_AGENT`).
    pub user_agent_suffix: Option<String>,
}

/// A client of Neon's API; clones share connections, locks and the cache.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    base: String,
    changing: Mutex<BTreeMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
    cache: Cache,
}

/// What came of a call, and whether a try before the last may have had the effect already.
pub(crate) struct Sent<T> {
    pub(crate) result: Result<T, Error>,
    /// An earlier try ended so that its effect is unknown; the last try's is in `result`.
    pub(crate) unsure_before: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.base).finish()
    }
}

impl Client {
    /// Checks the settings; no connection is made.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let base = base_url(&settings.base_url)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer(&settings.api_key)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut http = reqwest::Client::builder();
        if is_loopback(&base) {
            http = http.no_proxy(); // a proxy's loopback is not ours
        }
        let http = http
            .user_agent(user_agent(settings.terraform_version.as_deref(), settings.user_agent_suffix.as_deref()))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| Error::new(Kind::Network, format!("cannot set up HTTPS: {}", chain(&error))))?;
        Ok(Self(Arc::new(Inner { http, base, changing: Mutex::default(), cache: Cache::default() })))
    }

    /// Answers that reads share; a write to a project drops its part.
    pub(crate) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// Sends the call until it is answered for good or the time is over.
    pub async fn send<T>(&self, request: &Request<T>, budget: &Budget) -> Result<T, Error> {
        self.send_traced(request, budget).await.result
    }

    pub(crate) async fn send_traced<T>(&self, request: &Request<T>, budget: &Budget) -> Sent<T> {
        let patience_ends = budget.patience_ends();
        let mut unsure_before = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.try_once(request, budget).await {
                Ok(value) => {
                    return Sent { result: Ok(value), unsure_before };
                }
                Err(error) => error.at(request.method, &request.path).with_tries(tries),
            };
            let until = match retry::retry(request.method, &error) {
                Retry::Never => {
                    return Sent { result: Err(error), unsure_before };
                }
                Retry::ForAWhile => patience_ends,
                Retry::UntilDeadline => budget.deadline(),
            };
            let wait = retry::delay(tries, error.retry_after(), retry::jitter());
            // The cause says more than "timed out": it is returned as soon as the wait cannot end in time.
            if retry::after(wait) >= until {
                return Sent { result: Err(error), unsure_before };
            }
            tracing::debug!(%error, milliseconds = milliseconds(wait), "Neon API is asked again");
            unsure_before |= retry::effect_unknown(request.method, &error);
            if let Err(ended) = budget.sleep(wait).await {
                let error = error.with_kind(ended.kind()).context(format!("{} while trying again", ended.sentence()));
                return Sent { result: Err(error), unsure_before };
            }
        }
    }

    async fn try_once<T>(&self, request: &Request<T>, budget: &Budget) -> Result<T, Error> {
        if let Some(ended) = budget.ended() {
            return Err(Error::new(ended.kind(), format!("not sent, {}", ended.sentence())));
        }
        let exchange = self.exchange(request);
        if !request.method.changes() {
            return match budget.run(exchange).await {
                Ok(result) => result,
                Err(ended) => Err(Error::new(ended.kind(), format!("no answer, {}", ended.sentence()))),
            };
        }
        tokio::select! {
            biased;
            result = exchange => result,
            ended = async {
                let ended = budget.over().await;
                tokio::time::sleep(GRACE).await;
                ended
            } => Err(Error::new(
                Kind::AnswerLost,
                format!("sent but not answered, {}; whether it took effect is not known", ended.sentence()),
            )),
        }
    }

    /// One exchange. Bodies are never logged: roles, connection URIs and revealed passwords are in them.
    async fn exchange<T>(&self, request: &Request<T>) -> Result<T, Error> {
        let started = Instant::now();
        let url = format!("{}{}", self.0.base, request.target());
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut call = self.0.http.request(method, url).timeout(ANSWER_TIMEOUT);
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let reply = match receive(call).await {
            Ok(reply) => reply,
            Err(error) => {
                let error = broken(request.method, &error);
                tracing::debug!(method = %request.method, path = %request.path, error = %error.message(), "Neon API did not answer");
                return Err(error);
            }
        };
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = reply.status,
            request_id = reply.request_id.as_deref(),
            milliseconds = milliseconds(started.elapsed()),
            "Neon API answered"
        );
        if !(200..300).contains(&reply.status) {
            return Err(reply.into_error(request.method));
        }
        let answer = Answer { status: reply.status, body: &reply.body };
        (request.read)(answer).map_err(|unreadable| reply.unreadable(request.method, &unreadable))
    }

    /// The lock of one project, the same for all clones.
    pub(crate) fn lock_of(&self, project: &ProjectId) -> Arc<tokio::sync::Mutex<()>> {
        let mut changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(changing.entry(project.clone()).or_default())
    }
}

async fn receive(call: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let mut response = call.send().await?;
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = header(RETRY_AFTER).and_then(|text| retry::retry_after(&text, jiff::Timestamp::now()));
    let location = header(LOCATION);
    let request_id = header(reqwest::header::HeaderName::from_static("x-request-id"));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > LARGEST_ANSWER {
            break; // it cannot be read as JSON any more, and is reported so
        }
    }
    Ok(Reply { status, retry_after, location, request_id, body })
}

/// A call without an answer. Only a connection that was not made is sure to have changed nothing.
fn broken(method: Method, error: &reqwest::Error) -> Error {
    let text = chain(error);
    if error.is_connect() || error.is_builder() {
        Error::new(Kind::Network, format!("no connection to Neon's API: {text}"))
    } else if method.changes() {
        Error::new(Kind::AnswerLost, format!("the answer was lost, whether it took effect is not known: {text}"))
    } else {
        Error::new(Kind::Network, format!("the connection to Neon's API broke: {text}"))
    }
}

/// The error and its causes in one line; reqwest alone says "error sending request" only. URLs are not repeated.
fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        parts.push(error.to_string());
        cause = error.source();
    }
    if parts.is_empty() {
        return if error.is_timeout() { "no answer in time".to_owned() } else { "the request failed".to_owned() };
    }
    parts.join(": ")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn is_loopback(base: &str) -> bool {
    match Url::parse(base).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn base_url(text: &str) -> Result<String, Error> {
    let wrong = |why: &str| Err(Error::new(Kind::Rejected, format!("the API's base URL {why}")));
    let url = match Url::parse(text.trim()) {
        Ok(url) => url,
        Err(error) => return wrong(&format!("is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong(&format!("begins with `{}:`, it must begin with `https://` or `http://`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user or password; the key is set apart from it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("ends in a query or fragment; it must end in a path such as `/api/v2`");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn bearer(key: &Secret) -> Result<HeaderValue, Error> {
    let key = key.expose().trim();
    if key.is_empty() {
        return Err(Error::new(Kind::Unauthorized, "the API key is empty"));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| Error::new(Kind::Unauthorized, "the API key holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `terraform-provider-neonrep/1.0 (terraform 1.11.4) suffix`; characters that no header may hold are left out.
fn user_agent(terraform: Option<&str>, suffix: Option<&str>) -> String {
    let mut agent = format!("terraform-provider-neonrep/{}", env!("CARGO_PKG_VERSION"));
    if let Some(version) = terraform.filter(|text| !text.trim().is_empty()) {
        agent = format!("{agent} (terraform {})", version.trim());
    }
    if let Some(suffix) = suffix.filter(|text| !text.trim().is_empty()) {
        agent = format!("{agent} {}", suffix.trim());
    }
    agent.retain(|c| c == ' ' || c.is_ascii_graphic());
    agent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_is_checked() {
        let given = |text| base_url(text).map_err(|error| error.to_string());
        assert_eq!(given(" https://x.example/api/v2/ "), Ok("https://x.example/api/v2".to_owned()));
        assert_eq!(given("http://127.0.0.1:8080/api/v2"), Ok("http://127.0.0.1:8080/api/v2".to_owned()));
        for (bad, why) in [
            ("", "is not a URL"),
            ("x.example/api/v2", "is not a URL"),
            ("ftp://x.example", "begins with `ftp:`"),
            ("https://u:pw@x.example", "holds a user or password"),
            ("https://x.example?a=1", "ends in a query"),
        ] {
            let error = given(bad).expect_err(bad);
            assert!(error.contains(why) && !error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (base, loopback) in [
            ("http://127.0.0.1:1/x", true),
            ("http://[::1]/x", true),
            ("http://localhost:80", true),
            ("https://console.neon.tech/api/v2", false),
            ("https://localhost.example", false),
        ] {
            assert_eq!(is_loopback(base), loopback, "{base}");
        }
    }

    #[test]
    fn the_key_is_sensitive_and_never_repeated() {
        let key = bearer(&Secret::new("napi_x\n")).expect("legal");
        assert!(key.is_sensitive());
        assert_eq!(key.to_str().ok(), Some("Bearer napi_x"));
        let error = bearer(&Secret::new("napi_\u{7}")).expect_err("a bell");
        assert_eq!((error.kind(), error.to_string().contains("napi_")), (Kind::Unauthorized, false));
        assert_eq!(bearer(&Secret::new(" ")).expect_err("empty").kind(), Kind::Unauthorized);
    }

    #[test]
    fn the_user_agent_names_all_who_take_part() {
        let own = concat!("terraform-provider-neonrep/", env!("CARGO_PKG_VERSION"));
        assert_eq!(user_agent(None, None), own);
        assert_eq!(user_agent(Some("1.11.4"), Some("x/1\r\ny: z")), format!("{own} (terraform 1.11.4) x/1y: z"));
    }
}
