//! The `timeouts` attribute that every resource has: how long its operations may take.

use serde::{Deserialize, Serialize};

use super::attr::Attr;

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

/// Parses a positive Go duration such as `300ms`, `30s`, `1.5h` or `2h45m`.
pub fn parse_duration(_text: &str) -> Result<std::time::Duration, String> {
    unreachable!("written by the framework helper")
}
