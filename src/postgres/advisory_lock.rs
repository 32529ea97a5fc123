//! A lock that changes of ACLs take in turn: side by side they fail with `tuple concurrently updated`, or deadlock (tried). So do tables
//! that are created here: a grant on all tables of a schema does not see one that is not committed yet.
//!
//! It is taken always, not only when something of ours runs beside: another run, such as a second pipeline, cannot be seen from here. To ask
//! `pg_locks` first would cost the round trip that taking it costs, and would miss who comes a moment later.
//!
//! Its key has two parts: a class that stands for this provider, and the database. Anyone who may connect can hold it, so it is waited for
//! only as long as for any other lock, and the error names the holder. It orders our own work and nothing else: a change that meets one of
//! somebody else's runs again.

use super::sql::Statement;
use crate::sql;

/// The class: `nrep` in ASCII.
pub(super) const CLASS: u32 = 0x6e72_6570;

/// Whether a statement is [`take`]'s.
pub(super) fn is_taken_by(statement: &str) -> bool {
    statement.starts_with("SELECT pg_advisory_xact_lock(")
}

/// Takes the lock of the connected database until the end of the transaction. First statement of a transaction that grants or creates a
/// table; it fails with `LockNotAvailable` after 3 s.
pub(crate) fn take() -> Vec<Statement> {
    vec![sql!(
        "SELECT pg_advisory_xact_lock({}, oid::int8::bit(32)::int4) FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
        u64::from(CLASS)
    )]
}
