//! Databases of a cluster.

use super::connection::Connection;
use super::error::Result;
use super::names::DatabaseName;
use super::row::Param;

/// The name that the database of an OID has now; `None` if it was dropped.
pub(crate) async fn name_of(connection: &Connection, oid: u32) -> Result<Option<DatabaseName>> {
    const NAME: &str = "SELECT d.datname::text AS name FROM pg_database d WHERE d.oid = $1";
    let row = connection.fetch_optional(NAME, &[Param::Oid(oid)]).await?;
    row.map(|row| row.parse("name", DatabaseName::parse)).transpose()
}

/// The OID of the connected database.
pub(crate) async fn oid(connection: &Connection) -> Result<u32> {
    const OID: &str = "SELECT d.oid FROM pg_database d WHERE d.datname = current_database()";
    connection.fetch_one(OID, &[]).await?.get("oid")
}
