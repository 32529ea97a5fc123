//! When a call is sent again and after which wait: pure functions.
//!
//! Statuses follow Neon's API document (`GeneralError`: 423 and 503 are safe to repeat for every method, other server errors only
//! for safe methods) and the npm package `@neon/sdk` 6.1.2 (`retry.js`: 429 too).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::budget::LONGEST_WAIT;
use super::error::{Error, Kind};
use super::request::Method;

/// First upper bound of the wait between two attempts.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// Last upper bound.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// How long a failed call is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    /// The API is unavailable or unreachable: as long as the caller's patience lasts.
    WhilePatient,
    /// The cause goes away by itself: until the deadline.
    UntilDeadline,
}

/// The table: 423, 429 and 503 for every method, other 5xx and broken connections for GET only.
///
/// A connection that could not be opened carried no request, so every method may be sent again. For a method that changes
/// something every other break of the connection has the kind `AnswerLost`. Kinds that cannot pass are never sent again.
pub(crate) fn retry(method: Method, error: &Error) -> Retry {
    match (error.kind(), error.status()) {
        (Kind::Locked | Kind::RateLimited, _) => Retry::UntilDeadline,
        (_, Some(503)) | (Kind::Network, None) => Retry::WhilePatient,
        (_, Some(500..)) if !method.changes() => Retry::WhilePatient,
        _ => Retry::Never,
    }
}

/// Whether a failed attempt may still have changed something. What a 423 or 429 refuses has not happened.
pub(crate) fn effect_unknown(method: Method, error: &Error) -> bool {
    method.changes() && (error.kind() == Kind::AnswerLost || error.status().is_some_and(|status| status >= 500))
}

/// The wait before attempt number `tries + 1`: full jitter below a doubling bound, and never less than the API asked for.
pub(crate) fn delay(tries: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let bound = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
    bound.mul_f64(jitter.clamp(0.0, 1.0)).max(asked.unwrap_or_default())
}

/// A number in `0..=1` that differs from call to call. The seeds of std's hash are random enough to spread attempts.
pub(crate) fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, section 10.2.3), at most 24 hours. A value that cannot be read, is
/// negative or in the past counts as absent.
pub(crate) fn retry_after(header: &str, now: jiff::Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds ask for a long time all the same.
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(header).ok()?;
    Duration::try_from(at.duration_since(now)).ok().map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(kind: Kind, status: u16) -> Error {
        Error::new(kind, "").with_status(status)
    }

    #[test]
    fn the_table_of_retries() {
        let changing = [Method::Post, Method::Patch, Method::Delete];
        for method in [Method::Get].into_iter().chain(changing) {
            assert_eq!(retry(method, &status(Kind::Locked, 423)), Retry::UntilDeadline);
            assert_eq!(retry(method, &status(Kind::RateLimited, 429)), Retry::UntilDeadline);
            assert_eq!(retry(method, &status(Kind::Unavailable, 503)), Retry::WhilePatient);
            assert_eq!(retry(method, &Error::new(Kind::Network, "refused")), Retry::WhilePatient);
            for (kind, code) in [
                (Kind::Rejected, 400),
                (Kind::Unauthorized, 401),
                (Kind::Forbidden, 403),
                (Kind::NotFound, 404),
                (Kind::Conflict, 409),
                (Kind::PasswordsNotStored, 412),
                (Kind::Rejected, 422),
                (Kind::NotJson, 200),
                (Kind::NotJson, 307),
                (Kind::ProxyRefused, 407),
            ] {
                assert_eq!(retry(method, &status(kind, code)), Retry::Never, "{method} {code}");
            }
        }
        for code in [500, 502, 504, 524] {
            assert_eq!(retry(Method::Get, &status(Kind::Unavailable, code)), Retry::WhilePatient, "{code}");
            for method in changing {
                assert_eq!(retry(method, &status(Kind::AnswerLost, code)), Retry::Never, "{method} {code}");
            }
        }
        assert_eq!(retry(Method::Post, &Error::new(Kind::AnswerLost, "")), Retry::Never);
        for lasting in [Kind::UntrustedServer, Kind::UnknownHost, Kind::ProxyRefused] {
            assert_eq!(retry(Method::Get, &Error::new(lasting, "")), Retry::Never, "{lasting:?}");
        }
    }

    #[test]
    fn a_refusal_has_no_effect_and_a_server_error_may_have() {
        assert!(!effect_unknown(Method::Post, &status(Kind::Locked, 423)));
        assert!(!effect_unknown(Method::Post, &Error::new(Kind::Network, "refused")));
        assert!(effect_unknown(Method::Post, &status(Kind::Unavailable, 503)));
        assert!(effect_unknown(Method::Post, &Error::new(Kind::AnswerLost, "")));
        assert!(!effect_unknown(Method::Get, &status(Kind::Unavailable, 500)));
    }

    #[test]
    fn waits_double_up_to_ten_seconds_and_obey_the_api() {
        let bounds: Vec<u128> = (1..9).map(|tries| delay(tries, None, 1.0).as_millis()).collect();
        assert_eq!(bounds, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(delay(40, None, 1.0), LONGEST_DELAY);
        assert_eq!(delay(3, None, 0.0), Duration::ZERO);
        let asked = Some(Duration::from_secs(30));
        assert_eq!(delay(1, asked, 1.0), Duration::from_secs(30));
        assert!((0.0..=1.0).contains(&jitter()));
        assert!((0..20).map(|_| jitter()).any(|one| (one - jitter()).abs() > f64::EPSILON));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "1994-11-06T08:49:00Z".parse().expect("a time");
        let read = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(read("Sun, 06 Nov 1994 08:48:00 GMT"), None);
        for absent in [
            "",
            "soon",
            "-1",
            "-9223372036854775808",
            "1.5",
            "+7",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Sun, 06 Nov 0094 08:49:37 GMT",
        ] {
            assert_eq!(read(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_retry_after_of_any_size_is_bounded() {
        let now: jiff::Timestamp = "1994-11-06T08:49:00Z".parse().expect("a time");
        for huge in [
            "86401",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999999999999999999999",
            "Fri, 06 Nov 2994 08:49:37 GMT",
            "Thu, 01 Jul 9999 08:49:37 GMT",
        ] {
            assert_eq!(retry_after(huge, now), Some(LONGEST_WAIT), "{huge}");
        }
        assert_eq!(delay(1, Some(Duration::MAX), 0.0), Duration::MAX);
    }
}
