//! What a check is, and what it finds.

use super::facts::Facts;
use crate::destinations::{Destination, Severity};

/// Something that a consumer would stumble over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// What it weighs for the destination.
    pub(crate) severity: Severity,
    /// The id of the check.
    pub(crate) check: &'static str,
    /// What it is about, such as `table public.orders`.
    pub(crate) object: String,
    /// What was found, and what it leads to.
    pub(crate) reason: String,
    /// What to do about it: the argument of neonrep, or the SQL.
    pub(crate) remedy: String,
}

/// What a check found, before the destination weighs it.
pub(super) struct Found {
    pub(super) object: String,
    pub(super) reason: String,
    pub(super) remedy: String,
    /// What it weighs at most, where the fact itself says so.
    pub(super) at_most: Severity,
}

pub(super) fn found(object: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) -> Found {
    Found { object: object.into(), reason: reason.into(), remedy: remedy.into(), at_most: Severity::Error }
}

pub(super) struct Check {
    pub(super) id: &'static str,
    /// What is so when it finds nothing, as a sentence.
    pub(super) rule: &'static str,
    /// Finds what is wrong.
    pub(super) run: fn(&Facts, &Destination) -> Vec<Found>,
}

/// `a`, `b` and 18 more: a long list is cut.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(10).map(|it| format!("`{it}`")).collect();
    match names.len().saturating_sub(10) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
