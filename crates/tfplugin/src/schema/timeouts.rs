//! The `timeouts` attribute that every resource has: how long its operations may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::attr::Attr;
use crate::value::Value;
use crate::value::path::AttributePath;

/// `timeouts = { create, read, update, delete }`: durations as Go writes them, `30s`, `2h45m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// For making the object.
    pub create: Attr<String>,
    /// For reading it.
    pub read: Attr<String>,
    /// For changing it.
    pub update: Attr<String>,
    /// For removing it.
    pub delete: Attr<String>,
}

/// What a timeout is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creation of an object.
    Create,
    /// A read, and the checks of a plan.
    Read,
    /// A change in place.
    Update,
    /// Deletion.
    Delete,
}

impl Operation {
    /// The attribute in `timeouts`.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// What holds when nothing is said: 2 minutes to read, 10 for all else.
    pub fn default_timeout(self) -> Duration {
        match self {
            Self::Read => Duration::from_mins(2),
            Self::Create | Self::Update | Self::Delete => Duration::from_mins(10),
        }
    }

    /// `timeouts.create`
    pub fn path(self) -> AttributePath {
        AttributePath::root().attribute("timeouts").attribute(self.attribute())
    }

    /// The timeout that an object says, or the default. One that is not known yet, or no duration (an old state), is
    /// the default too.
    pub fn timeout(self, object: &Value) -> Duration {
        object
            .get("timeouts")
            .and_then(|timeouts| timeouts.get(self.attribute()))
            .and_then(Value::as_str)
            .and_then(|text| parse_duration(text).ok())
            .unwrap_or_else(|| self.default_timeout())
    }
}

/// Nanoseconds of a Go unit.
fn nanoseconds(unit: &str) -> Option<u128> {
    match unit {
        "ns" => Some(1),
        // Go takes the micro sign and the Greek letter.
        "us" | "µs" | "μs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

/// Parses a positive Go duration such as `300ms`, `30s`, `1.5h` or `2h45m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is not a positive duration such as `30s`, `1.5h` or `2h45m`");
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) =
            rest.split_at(rest.find(|it: char| !it.is_ascii_digit() && it != '.').ok_or_else(refuse)?);
        let (unit, after) =
            after.split_at(after.find(|it: char| it.is_ascii_digit() || it == '.').unwrap_or(after.len()));
        let unit = nanoseconds(unit).ok_or_else(refuse)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(refuse());
        }
        // Twelve digits of a whole part are 31,000 years, and more than twelve of a fraction are below a nanosecond.
        if whole.len() > 12 {
            return Err(refuse());
        }
        let fraction = &fraction[..fraction.len().min(12)];
        let digits = |digits: &str| if digits.is_empty() { Ok(0) } else { digits.parse::<u128>() };
        let whole = digits(whole).map_err(|_| refuse())?;
        let part = digits(fraction).map_err(|_| refuse())?;
        let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or_default());
        total += whole * unit + part * unit / scale;
        rest = after;
    }
    match u64::try_from(total) {
        Ok(0) | Err(_) => Err(refuse()),
        Ok(total) => Ok(Duration::from_nanos(total)),
    }
}

/// A duration as [`parse_duration`] reads it: `1h10m`, `30s`, `1.5s`, `20ms`.
pub fn duration_text(duration: Duration) -> String {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let whole = [(hours, "h"), (minutes, "m")].into_iter().filter(|(count, _)| *count > 0);
    let whole: String = whole.map(|(count, unit)| count.to_string() + unit).collect();
    match (seconds, nanoseconds) {
        (0, 0) if whole.is_empty() => "0s".into(),
        (0, 0) => whole,
        (seconds, 0) => format!("{whole}{seconds}s"),
        (0, nanoseconds) if nanoseconds % 1_000_000 == 0 => format!("{whole}{}ms", nanoseconds / 1_000_000),
        (seconds, nanoseconds) => {
            let fraction = format!("{nanoseconds:09}");
            format!("{whole}{seconds}.{}s", fraction.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("2h45m", 9_900_000),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            (".5s", 500),
            ("1.s", 1_000),
            ("1h1h", 7_200_000),
            ("1500000us", 1_500),
            ("1500µs1500μs", 3),
            ("2000000ns", 2),
            ("0h1m", 60_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_positive_go_duration_is_refused() {
        for text in [
            "",
            "0",
            "0s",
            "10",
            "-5s",
            "+5s",
            "5 s",
            "1d",
            "s",
            ".s",
            "1..5s",
            "1.5.1s",
            "5S",
            "1e3s",
            "9999999999999h",
            "300000000000h",
            "5m ",
            "٣s",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["30s", "10m", "1h10m", "2h45m5s", "20ms", "1.5s", "1m0.000000001s"] {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
        assert_eq!(duration_text(Duration::ZERO), "0s");
    }

    #[test]
    fn an_object_says_its_timeout_or_the_default_holds() {
        let object = Value::object([("timeouts", Value::object([("create", "5s".into()), ("read", Value::Unknown)]))]);
        assert_eq!(Operation::Create.timeout(&object), Duration::from_secs(5));
        assert_eq!(Operation::Read.timeout(&object), Duration::from_mins(2));
        assert_eq!(Operation::Delete.timeout(&Value::Null), Duration::from_mins(10));
        assert_eq!(Operation::Delete.path().to_string(), "timeouts.delete");
    }
}
