//! What a slot remembers in private state.

/// The unknown order of an imported slot was told.
pub(super) const ORDER_SAID: &str = "order_unknown_said";

/// The OID of the slot's database, which stays when the database is renamed.
pub(super) const DATABASE_OID: &str = "database_oid";
