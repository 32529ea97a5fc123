//! A snapshot: the data of a branch at a moment, kept until it is deleted.

use super::branch::Branch;
use crate::names;

/// A snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// The branch that it was taken of, with the roles and databases of then and without endpoints.
    pub(crate) source: Branch,
    /// The position that was asked for.
    pub(crate) lsn: Option<String>,
    /// The time that it shows.
    pub(crate) timestamp: String,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it is deleted by itself.
    pub(crate) expires_at: Option<String>,
}

impl Snapshot {
    /// A snapshot of that branch.
    pub(crate) fn new(name: &str, source: &Branch, timestamp: String) -> Self {
        let mut source = source.clone();
        source.endpoints.clear();
        Self {
            id: names::snapshot_id(),
            name: name.to_owned(),
            source,
            lsn: None,
            timestamp,
            created_at: names::now(),
            expires_at: None,
        }
    }
}
