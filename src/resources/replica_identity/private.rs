//! What a replica identity remembers in private state.

/// The OID of the table, so that a rename outside is not taken for an absence.
pub(super) const TABLE: &str = "table";
