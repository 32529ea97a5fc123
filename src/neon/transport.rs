//! The one place that sends calls to Neon's API: authentication, limits of time and size, retries, pace, and what is remembered
//! of an API that cannot be used.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};

use super::budget::{Budget, after};
use super::error::{Error, Kind};
use super::network;
use super::outage::Outage;
use super::pace::Pace;
use super::reply::{Body, Cut, Reply};
use super::request::{Answer, Method, Request};
use super::retry::{self, Retry};
use super::secrets::Secrets;
use super::settings::{self, ApiSettings};
use crate::secret::Secret;

/// Longest wait for one answer; Neon's own CLI waits as long.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Longest wait for a connection to the API.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the answer to a change is still awaited after the caller has given up, because its effect should be known.
const GRACE: Duration = Duration::from_secs(10);

/// Largest success that is read, in bytes. Neon's are a few kilobytes, a page of 1000 branches about a megabyte.
const LARGEST_ANSWER: usize = 16 << 20;

/// Largest error that is read, in bytes.
const LARGEST_ERROR: usize = 64 << 10;

/// A retry that takes longer than this is worth a warning in the log.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// Sends calls. Clones share connections, limits and memory.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    base: String,
    pace: Pace,
    outage: Outage,
    secrets: Secrets,
    /// How far the API's clock is ahead of ours, by the `Date` of its last answer.
    ahead: Mutex<Option<SignedDuration>>,
}

/// The result of a call, and whether an attempt before the last may already have had the effect.
pub(crate) struct Sent<T> {
    pub(crate) result: Result<T, Error>,
    /// The effect of an earlier attempt is unknown. That of the last one is in `result`.
    pub(crate) unsure_before: bool,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.0.base).finish()
    }
}

impl Transport {
    /// Checks the settings. No connection is opened.
    pub(crate) fn new(settings: &ApiSettings) -> Result<Self, Error> {
        Self::with(settings, reqwest::Client::builder())
    }

    /// With a builder that has the proxy, the roots and the resolver; by default those of the environment and the system.
    pub(crate) fn with(settings: &ApiSettings, mut http: reqwest::ClientBuilder) -> Result<Self, Error> {
        let base = settings::base_url(&settings.base_url)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, settings::bearer(&settings.api_key)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if url::Url::parse(&base).is_ok_and(|url| settings::is_loopback(&url)) {
            http = http.no_proxy(); // the loopback of a proxy is another machine's
        }
        let http = http
            .user_agent(settings::user_agent(
                settings.terraform_version.as_deref(),
                settings.user_agent_suffix.as_deref(),
            ))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| {
                Error::new(Kind::UntrustedServer, format!("cannot set up HTTPS: {}", network::chain(&error)))
            })?;
        let secrets = Secrets::default();
        secrets.learn(&settings.api_key);
        Ok(Self(Arc::new(Inner {
            http,
            base,
            pace: Pace::default(),
            outage: Outage::default(),
            secrets,
            ahead: Mutex::default(),
        })))
    }

    /// From now on no error of this client repeats the secret.
    pub(crate) fn learn(&self, secret: &Secret) {
        self.0.secrets.learn(secret);
    }

    /// The error without any known secret.
    pub(crate) fn hide_secrets(&self, error: Error) -> Error {
        self.0.secrets.hide(error)
    }

    /// The time by the API's clock, as far as its answers have told, otherwise by ours.
    pub(crate) fn api_time(&self) -> Timestamp {
        let ahead = *self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        ahead.and_then(|ahead| now.checked_add(ahead).ok()).unwrap_or(now)
    }

    /// Sends the call until it is answered for good or the time is over.
    pub(crate) async fn send<T>(&self, request: &Request<T>, budget: &Budget) -> Result<T, Error> {
        self.send_traced(request, budget).await.result
    }

    /// Like [`send`](Self::send), and tells what is unknown about earlier attempts.
    pub(crate) async fn send_traced<T>(&self, request: &Request<T>, budget: &Budget) -> Sent<T> {
        let mut unsure_before = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.try_once(request, budget).await {
                Ok(value) => {
                    return Sent { result: Ok(value), unsure_before };
                }
                Err(error) => self.hide_secrets(error.at(request.method, &request.path).with_tries(tries)),
            };
            let until = match retry::retry(request.method, &error) {
                _ if request.once => {
                    return Sent { result: Err(error), unsure_before };
                }
                Retry::Never => {
                    return Sent { result: Err(error), unsure_before };
                }
                Retry::WhilePatient => {
                    budget.patience_ends(self.0.outage.since().unwrap_or_else(tokio::time::Instant::now))
                }
                Retry::UntilDeadline => budget.deadline(),
            };
            let wait = retry::delay(tries, error.retry_after(), retry::jitter());
            // The cause says more than "timed out": it is returned as soon as the wait cannot end in time.
            if after(wait) >= until {
                return Sent { result: Err(error), unsure_before };
            }
            if wait < LONG_WAIT && tries < 5 {
                tracing::info!(%error, milliseconds = milliseconds(wait), "Neon API call is retried");
            } else {
                tracing::warn!(%error, milliseconds = milliseconds(wait), "Neon API call is still retried");
            }
            unsure_before |= retry::effect_unknown(request.method, &error);
            if let Err(ended) = budget.sleep(wait).await {
                let error = error.with_kind(ended.kind()).context(format!("{} before a retry", ended.sentence()));
                return Sent { result: Err(error), unsure_before };
            }
        }
    }

    async fn try_once<T>(&self, request: &Request<T>, budget: &Budget) -> Result<T, Error> {
        let not_sent = |kind, why: &str| Error::new(kind, format!("not sent, {why}"));
        if let Some(ended) = budget.ended() {
            return Err(not_sent(ended.kind(), ended.sentence()));
        }
        if let Some(known) = self.0.outage.known(request.project(), budget) {
            let again =
                Error::new(known.kind(), format!("not sent, after an earlier call failed: {}", known.message()));
            return Err(match known.status() {
                Some(status) => again.with_status(status),
                None => again,
            });
        }
        if let Err(ended) = self.0.pace.wait(&request.route, budget).await {
            return Err(not_sent(ended.kind(), ended.sentence()));
        }
        let begun = tokio::time::Instant::now();
        let limit = budget.limit_of_an_answer(ANSWER_TIMEOUT, self.0.outage.since());
        let id = request_id();
        let exchange = self.exchange(request, &id, limit);
        let result = if request.method.changes() {
            tokio::select! {
                biased;
                result = exchange => result,
                ended = async {
                    let ended = budget.over().await;
                    tokio::time::sleep(GRACE).await;
                    ended
                } => Err(Error::new(
                    Kind::AnswerLost,
                    format!("sent but not answered, {}; whether it took effect is unknown", ended.sentence()),
                )),
            }
        } else {
            match budget.run(exchange).await {
                Ok(result) => result,
                Err(ended) => Err(Error::new(ended.kind(), format!("no answer, {}", ended.sentence()))),
            }
        };
        let result = result.map_err(|error| self.0.outage.weigh(error));
        self.0.outage.note(request.project(), begun, result.as_ref().err());
        result.map_err(|error| error.with_sent_id(&id))
    }

    /// One exchange. Bodies are never logged: roles, connection URIs and revealed passwords are in them.
    async fn exchange<T>(&self, request: &Request<T>, id: &str, limit: Duration) -> Result<T, Error> {
        let started = Instant::now();
        let url = format!("{}{}", self.0.base, request.target());
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut call = self.0.http.request(method, url).header(X_REQUEST_ID, id).timeout(limit);
        if let Some(body) = &request.body {
            call = call.json(body);
        }
        let reply = match self.receive(call).await {
            Ok(reply) => reply,
            Err(error) => {
                let error = network::broken(request.method, &error);
                tracing::debug!(method = %request.method, path = %request.path, request_id = id, error = %error.message(), "Neon API did not answer");
                return Err(error);
            }
        };
        tracing::debug!(
            method = %request.method,
            path = %request.path,
            status = reply.status,
            request_id = reply.request_id.as_deref().unwrap_or(id),
            milliseconds = milliseconds(started.elapsed()),
            "Neon API answered"
        );
        if !(200..300).contains(&reply.status) {
            return Err(reply.into_error(request.method));
        }
        let answer = Answer { status: reply.status, body: &reply.body.bytes };
        (request.read)(answer).map_err(|unreadable| reply.unreadable(request.method, &unreadable))
    }

    async fn receive(&self, call: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = call.send().await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let now = Timestamp::now();
        if let Some(date) = header(DATE).and_then(|text| http_date(&text)) {
            *self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.duration_since(now));
        }
        let retry_after = header(RETRY_AFTER).and_then(|text| retry::retry_after(&text, now));
        let location = header(LOCATION);
        let request_id = header(X_REQUEST_ID).filter(|id| id.len() <= 100);
        let status = response.status().as_u16();
        let body = body(response).await?;
        Ok(Reply { status, retry_after, location, request_id, body })
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Reads a body up to a limit. Of an error the status says most, so that one which breaks off is kept.
async fn body(mut response: reqwest::Response) -> Result<Body, reqwest::Error> {
    let success = response.status().is_success();
    let limit = if success { LARGEST_ANSWER } else { LARGEST_ERROR };
    let mut body = Body { bytes: Vec::new(), cut: None };
    if success && response.content_length().is_some_and(|length| length > limit as u64) {
        body.cut = Some(Cut::TooLong(limit));
        return Ok(body);
    }
    loop {
        match response.chunk().await {
            Ok(Some(part)) => body.bytes.extend_from_slice(&part[..part.len().min(limit + 1 - body.bytes.len())]),
            Ok(None) => return Ok(body),
            Err(error) if success => return Err(error),
            Err(_) => {
                body.cut = Some(Cut::BrokenOff);
                return Ok(body);
            }
        }
        if body.bytes.len() > limit {
            body.bytes.truncate(limit);
            body.cut = Some(Cut::TooLong(limit));
            return Ok(body);
        }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

/// A random id in the form of a UUID (version 4), by which Neon's support finds a request.
fn request_id() -> String {
    let random = |seed: u8| RandomState::new().hash_one(seed);
    let (a, b) = (random(0), random(1));
    let variant = 0x8000 | (b >> 48 & 0x3fff);
    format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, a & 0xfff, b & 0xffff_ffff_ffff)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_random_uuid() {
        let id = request_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{id}");
        assert_eq!(&id[14..15], "4");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        assert_ne!(id, request_id());
    }
}
