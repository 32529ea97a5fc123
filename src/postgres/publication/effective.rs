//! What publications come to: the tables whose changes a subscriber receives, whichever way they are published.

use std::collections::{BTreeMap, BTreeSet};

use crate::postgres::connection::Connection;
use crate::postgres::error::Result;
use crate::postgres::names::{ColumnName, PublicationName, TableName};
use crate::postgres::row::Row;

/// A table that is published (`pg_publication_tables`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EffectiveTable {
    /// The published columns; `None` before Postgres 15, which publishes all.
    pub(crate) columns: Option<BTreeSet<ColumnName>>,
    /// The row filter as the server prints it.
    pub(crate) filter: Option<String>,
}

/// Tables by name.
pub(crate) type EffectiveTables = BTreeMap<TableName, EffectiveTable>;

const READ_14: &str = "
SELECT pubname::text AS publication, schemaname::text AS schema, tablename::text AS name, NULL::text[] AS columns, NULL::text AS filter
FROM pg_publication_tables";
const READ_15: &str = "
SELECT pubname::text AS publication, schemaname::text AS schema, tablename::text AS name, attnames::text[] AS columns, rowfilter AS filter
FROM pg_publication_tables";

/// Reads those of all publications of the connected database; one that publishes no table is left out.
pub(crate) async fn read_all_effective(connection: &Connection) -> Result<BTreeMap<PublicationName, EffectiveTables>> {
    let query = if connection.version().has_publication_filters() { READ_15 } else { READ_14 };
    let mut all: BTreeMap<PublicationName, EffectiveTables> = BTreeMap::new();
    for row in &connection.fetch(query, &[]).await? {
        let schema: &str = row.get("schema")?;
        let table = row.parse("name", |name| TableName::parse(schema, name))?;
        let publication = row.parse("publication", PublicationName::parse)?;
        all.entry(publication).or_default().insert(table, from_row(row)?);
    }
    Ok(all)
}

fn from_row(row: &Row) -> Result<EffectiveTable> {
    let has_columns = row.get::<Option<Vec<&str>>>("columns")?.is_some();
    let columns = has_columns.then(|| row.parse_set("columns", ColumnName::parse)).transpose()?;
    Ok(EffectiveTable { columns, filter: row.get("filter")? })
}
