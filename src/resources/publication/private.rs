//! What a publication remembers in private state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::postgres::marks::Nonce;

/// Whether the last apply left a publication of all tables. A difference that came about outside is told apart from one
/// that the configuration asks for.
pub(super) const APPLIED_ALL_TABLES: &str = "all_tables";

/// The mark that this resource wrote into the COMMENT last.
pub(super) const MARK: &str = "mark";

/// A mark: it counts for the publication of that OID alone, because whoever reads the COMMENT can copy the nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) oid: u32,
    pub(super) nonce: Nonce,
}

impl Mark {
    /// The nonce, if the mark is on that publication.
    pub(super) fn on(self, oid: u32) -> Option<Nonce> {
        (self.oid == oid).then_some(self.nonce)
    }
}

/// The row filters that were set.
pub(super) const FILTERS: &str = "filters";

/// A row filter that was set, and how the server printed it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    pub(super) text: String,
    pub(super) of_server: String,
}

/// By table.
pub(super) type Filters = BTreeMap<String, Filter>;
