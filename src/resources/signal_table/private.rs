//! What a signal table remembers in private state.

use serde::{Deserialize, Serialize};

/// Key of [`Known`].
pub(super) const TABLE: &str = "table";

/// The table that the resource stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Its OID, so that a rename or another table of the name is told apart.
    pub(super) oid: u32,
    /// It was created or imported by this resource, so destroy drops it.
    pub(super) ours: bool,
}
