//! Why a call has no answer: a certificate, a host name or a proxy that will not do at the next attempt either, or a connection
//! that may.
//!
//! Told apart by the types in the chain of causes, never by their text.

use std::error::Error as StdError;
use std::io;

use super::error::{Error, Kind};
use super::request::Method;

/// A call that failed before its answer was complete. Only a connection that was not opened is sure to have changed nothing.
pub(crate) fn broken(method: Method, error: &reqwest::Error) -> Error {
    let text = chain(error);
    if error.is_dns() {
        return Error::new(Kind::UnknownHost, format!("the host name cannot be resolved: {text}"));
    }
    if let Some(tls) = tls_failure(error) {
        return Error::new(Kind::UntrustedServer, format!("no secure connection to Neon's API: {tls}"));
    }
    if error.is_builder() {
        return Error::new(Kind::Network, format!("the request cannot be built: {text}"));
    }
    if error.is_connect() {
        // What is left after sockets, TLS and names is the proxy's answer to CONNECT: that type is private to hyper-util.
        if !error.is_timeout() && !causes(error).iter().any(|cause| cause.is::<io::Error>()) {
            return Error::new(Kind::ProxyRefused, format!("the proxy does not connect to Neon's API: {text}"));
        }
        return Error::new(Kind::Network, format!("no connection to Neon's API: {text}"));
    }
    let what = if error.is_timeout() { "did not arrive, or did not end, in time" } else { "was lost" };
    if method.changes() {
        let message = format!("the answer {what}, so whether the change took effect is unknown: {text}");
        Error::new(Kind::AnswerLost, message)
    } else {
        Error::new(Kind::Network, format!("the answer of Neon's API {what}: {text}"))
    }
}

/// The error and its causes in one line; reqwest alone says "error sending request" only. URLs are not repeated.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        parts.push(error.to_string());
        cause = error.source();
    }
    parts.dedup();
    if parts.is_empty() {
        return if error.is_timeout() { "no answer in time".to_owned() } else { "the request failed".to_owned() };
    }
    parts.join(": ")
}

/// All errors of the chain. An `io::Error` that wraps another names that one's source as its own, so it is opened too.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut found = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        found.push(error);
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    found
}

/// What rustls says, unless the other side only gave up: that may pass.
fn tls_failure(error: &reqwest::Error) -> Option<&rustls::Error> {
    let tls = causes(error).into_iter().find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    let passing = matches!(
        tls,
        rustls::Error::AlertReceived(
            rustls::AlertDescription::InternalError
                | rustls::AlertDescription::UserCanceled
                | rustls::AlertDescription::CloseNotify
        )
    );
    (!passing).then_some(tls)
}
