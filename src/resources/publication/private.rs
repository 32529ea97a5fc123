//! What a publication remembers in private state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether the last apply left a publication of all tables. A difference that came about outside is told apart from one
/// that the configuration asks for.
pub(super) const APPLIED_ALL_TABLES: &str = "all_tables";

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
