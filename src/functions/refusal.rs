//! Why a function gives no value, and the refusals that several share.

/// Why a function gives no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The parameter that is wrong.
    pub parameter: &'static str,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// What a function gives.
pub type Result<T> = std::result::Result<T, Refused>;

pub(super) fn refused<T>(parameter: &'static str, reason: impl Into<String>) -> Result<T> {
    Err(Refused { parameter, reason: reason.into() })
}

/// A name that is not empty.
pub(super) fn named<'a>(parameter: &'static str, name: &'a str) -> Result<&'a str> {
    if name.is_empty() { refused(parameter, "It must not be empty.") } else { Ok(name) }
}
