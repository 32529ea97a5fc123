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
