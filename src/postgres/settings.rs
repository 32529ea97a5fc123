//! What a server says of itself and of the session.

use super::connection::Connection;
use super::error::Result;
use super::names::{DatabaseName, RoleName};

/// Settings that logical replication depends on, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `wal_level`: `minimal`, `replica` or `logical`.
    pub(crate) wal_level: String,
    /// `max_replication_slots`, of which physical slots take some too.
    pub(crate) max_replication_slots: usize,
    /// `max_wal_senders`.
    pub(crate) max_wal_senders: usize,
    /// A standby: it can run no DDL.
    pub(crate) in_recovery: bool,
    /// The database of this connection.
    pub(crate) database: DatabaseName,
    /// Its `pg_database.oid`, which a rename keeps.
    pub(crate) database_oid: u32,
    /// The role of this connection.
    pub(crate) current_user: RoleName,
}

impl Settings {
    /// Whether logical slots can be made.
    pub(crate) fn is_logical(&self) -> bool {
        self.wal_level == "logical"
    }
}

const READ: &str = "
SELECT current_setting('wal_level') AS wal_level,
       current_setting('max_replication_slots')::int4 AS max_replication_slots,
       current_setting('max_wal_senders')::int4 AS max_wal_senders,
       pg_is_in_recovery() AS in_recovery,
       current_database()::text AS database,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database_oid,
       current_user::text AS current_user";

pub(crate) async fn read(connection: &Connection) -> Result<Settings> {
    let row = connection.fetch_one(READ, &[]).await?;
    let count = |column| Ok(usize::try_from(row.get::<i32>(column)?).unwrap_or_default());
    Ok(Settings {
        wal_level: row.get("wal_level")?,
        max_replication_slots: count("max_replication_slots")?,
        max_wal_senders: count("max_wal_senders")?,
        in_recovery: row.get("in_recovery")?,
        database: row.parse("database", DatabaseName::parse)?,
        database_oid: row.get("database_oid")?,
        current_user: row.parse("current_user", RoleName::parse)?,
    })
}
