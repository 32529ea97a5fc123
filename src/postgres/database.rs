//! Databases of a cluster.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::error::Result;
use super::names::{DatabaseName, RoleName};
use super::row::Param;

/// A database that one can connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its `pg_database.oid`.
    pub oid: u32,
    /// Its name.
    pub name: DatabaseName,
    /// Its owner.
    pub owner: RoleName,
}

const READ_ALL: &str = "
SELECT d.oid, d.datname::text AS name, r.rolname::text AS owner
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
WHERE d.datallowconn AND NOT d.datistemplate
ORDER BY d.datname";

/// The name that the database of an OID has now; `None` if it was dropped.
pub async fn name_of(connection: &Connection, oid: u32) -> Result<Option<DatabaseName>> {
    const NAME: &str = "SELECT d.datname::text AS name FROM pg_database d WHERE d.oid = $1";
    let row = connection.fetch_optional(NAME, &[Param::Oid(oid)]).await?;
    row.map(|row| row.parse("name", DatabaseName::parse)).transpose()
}

/// All but templates, by name.
pub async fn read_all(connection: &Connection) -> Result<BTreeMap<DatabaseName, Database>> {
    let rows = connection.fetch(READ_ALL, &[]).await?;
    rows.iter()
        .map(|row| {
            let name = row.parse("name", DatabaseName::parse)?;
            let owner = row.parse("owner", RoleName::parse)?;
            Ok((name.clone(), Database { oid: row.get("oid")?, name, owner }))
        })
        .collect()
}
