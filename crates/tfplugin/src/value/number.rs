//! Exact numbers: Terraform computes with 512-bit decimals, so neither `f64` nor `i64` can carry them.

use std::fmt;
use std::str::FromStr;

use bigdecimal::{BigDecimal, ToPrimitive};

/// The largest power of ten that a number may have; Terraform's own parser gives up long before.
/// A bound keeps a hostile `1e999999999` from taking all memory.
const MAX_EXPONENT: i64 = 20_000;

/// A decimal of any size, compared by value: `1`, `1.0` and `1e0` are the same number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(BigDecimal);

impl Number {
    /// The number as an integer, when it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.0.is_integer().then(|| self.0.to_i64()).flatten()
    }

    /// The number as a float, when that is exact.
    pub fn to_exact_f64(&self) -> Option<f64> {
        let float = self.0.to_f64().filter(|float| float.is_finite())?;
        let back = BigDecimal::try_from(float).ok()?;
        (back == self.0).then_some(float)
    }
}

/// A text that is not a number, or one beyond the supported size.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a number of at most {MAX_EXPONENT} digits")]
pub struct NotANumber {
    text: String,
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let refuse = || NotANumber { text: text.chars().take(40).collect() };
        // The exponent is looked at before anything is computed from it. Digits and exponent together are bounded, so
        // that the plain digits are bounded too.
        let exponent: i64 = match text.split_once(['e', 'E']) {
            Some((_, exponent)) => exponent.parse().map_err(|_| refuse())?,
            None => 0,
        };
        let digits = i64::try_from(text.len()).map_err(|_| refuse())?;
        if exponent.saturating_abs().saturating_add(digits) > MAX_EXPONENT {
            return Err(refuse());
        }
        BigDecimal::from_str(text).map(|number| Self(number.normalized())).map_err(|_| refuse())
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(BigDecimal::from(number).normalized())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(BigDecimal::from(number).normalized())
    }
}

impl TryFrom<f64> for Number {
    type Error = NotANumber;

    fn try_from(number: f64) -> Result<Self, NotANumber> {
        BigDecimal::try_from(number)
            .map(|number| Self(number.normalized()))
            .map_err(|_| NotANumber { text: number.to_string() })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert_eq!(number("1"), number("1.0"));
        assert_eq!(number("1e2"), Number::from(100_i64));
        assert_ne!(number("0.1"), Number::try_from(0.1).unwrap());
        assert_eq!(number("0.25"), Number::try_from(0.25).unwrap());
        assert!(number("9") < number("10"));
    }

    #[test]
    fn digits_are_kept() {
        for text in ["0.1", "123456789012345678901234567890.5", "-3", "0"] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1e3").to_string(), "1000");
    }

    #[test]
    fn integers_and_floats_only_when_exact() {
        assert_eq!(number("9223372036854775807").to_i64(), Some(i64::MAX));
        assert_eq!(number("9223372036854775808").to_i64(), None);
        assert_eq!(number("1.5").to_i64(), None);
        assert_eq!(number("0.1").to_exact_f64(), None);
        assert_eq!(number("0.5").to_exact_f64(), Some(0.5));
        assert_eq!(number("1e400").to_exact_f64(), None);
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        let long = "1".repeat(30_000);
        for text in ["", "x", "1e", "1e99999", "1e-99999", "1e9223372036854775808", "--1", "NaN", "inf", &long] {
            assert!(text.parse::<Number>().is_err(), "{text:.20}");
        }
    }
}
