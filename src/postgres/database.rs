//! Databases of a cluster.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::error::Result;
use super::names::{DatabaseName, RoleName};

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
