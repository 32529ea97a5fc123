//! Which publications send the changes of a table, and how: whoever owns them.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Connection;
use super::error::Result;
use super::identity::PublishedAs;
use super::names::{ColumnName, PublicationName, RoleName, TableName};
use super::publication::{GeneratedColumns, Operation};
use super::row::{Param, Row};

/// A publication that sends changes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publisher {
    pub(crate) name: PublicationName,
    /// Its `pg_publication.oid`.
    pub(crate) oid: u32,
    pub(crate) owner: RoleName,
    /// Its changes, columns and filter for this table.
    pub(crate) published_as: PublishedAs,
    /// The row filter as the server prints it.
    pub(crate) filter: Option<String>,
}

// A partition is published with what it is a partition of. With `pubviaroot` the list and filter of the topmost published ancestor apply,
// otherwise its own (`GetTopMostAncestorInPublication`). The columns of a filter are those of its parse tree: the dependencies in
// `pg_depend` hold the column list as well.
macro_rules! publishers {
    ($schemas:literal, $generated:literal, $columns:literal, $filter:literal, $filter_columns:literal) => {
        concat!(
            "
WITH t AS (SELECT unnest($1::oid[]) AS relid
           UNION SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = $2 AND c.relname = $3 AND c.relkind = 'r'),
     up AS (SELECT relid, relid AS listed, 1::int8 AS level FROM t
            UNION SELECT t.relid, a.listed::oid, a.level FROM t, pg_partition_ancestors(t.relid) WITH ORDINALITY AS a(listed, level)),
     hit AS (SELECT up.relid, p.oid AS pubid, (array_agg(up.listed ORDER BY up.level DESC))[1] AS top
             FROM up JOIN pg_class c ON c.oid = up.listed CROSS JOIN pg_publication p
             WHERE ($4::text IS NULL OR p.pubname = $4)
               AND (p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = up.listed)",
            $schemas,
            ")
             GROUP BY up.relid, p.oid)
SELECT h.relid, p.oid, p.pubname::text AS name, pg_get_userbyid(p.pubowner)::text AS owner, p.pubinsert, p.pubupdate, p.pubdelete,
       p.pubtruncate, ",
            $generated,
            " AS generated, ",
            $columns,
            " AS columns, ",
            $filter,
            " AS filter, ",
            $filter_columns,
            " AS filter_columns
FROM hit h JOIN pg_publication p ON p.oid = h.pubid
     LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = CASE WHEN p.pubviaroot THEN h.top ELSE h.relid END
ORDER BY h.relid, p.pubname"
        )
    };
    ($generated:literal) => {
        publishers!(
            "
                   OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = c.relnamespace)",
            $generated,
            "CASE WHEN r.prattrs IS NOT NULL THEN
                 ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) END",
            "pg_get_expr(r.prqual, r.prrelid)",
            "ARRAY(SELECT a.attname::text FROM regexp_matches(r.prqual::text, ':varattno (\\d+)', 'g') AS v(found)
                   JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = v.found[1]::int2)"
        )
    };
}

const READ_14: &str = publishers!("", "'n'", "NULL::text[]", "NULL::text", "NULL::text[]");
const READ_15: &str = publishers!("'n'");
const READ_18: &str = publishers!("p.pubgencols::text");

/// Publications that send changes of the tables of these oids: listed, by schema, as partitions, or with all tables. A table that no
/// publication sends has no entry. `only` looks at one publication.
pub(crate) async fn read(
    connection: &Connection,
    tables: &BTreeSet<u32>,
    only: Option<&PublicationName>,
) -> Result<BTreeMap<u32, Vec<Publisher>>> {
    fetch(connection, tables, None, only).await
}

/// The same for one ordinary table by its name, so that its oid need not be read first.
pub(crate) async fn read_named(connection: &Connection, table: &TableName) -> Result<Vec<Publisher>> {
    Ok(fetch(connection, &BTreeSet::new(), Some(table), None).await?.into_values().flatten().collect())
}

async fn fetch(
    connection: &Connection,
    tables: &BTreeSet<u32>,
    named: Option<&TableName>,
    only: Option<&PublicationName>,
) -> Result<BTreeMap<u32, Vec<Publisher>>> {
    let query = if connection.version().has_published_generated_columns() {
        READ_18
    } else if connection.version().has_publication_filters() {
        READ_15
    } else {
        READ_14
    };
    let tables: Vec<u32> = tables.iter().copied().collect();
    let params = [
        Param::Oids(&tables),
        Param::OptionalText(named.map(|it| it.schema.as_str())),
        Param::OptionalText(named.map(TableName::name)),
        Param::OptionalText(only.map(PublicationName::as_str)),
    ];
    let mut found: BTreeMap<u32, Vec<Publisher>> = BTreeMap::new();
    for row in &connection.fetch(query, &params).await? {
        found.entry(row.get("relid")?).or_default().push(from_row(row)?);
    }
    Ok(found)
}

fn from_row(row: &Row) -> Result<Publisher> {
    let has_columns = row.get::<Option<Vec<&str>>>("columns")?.is_some();
    Ok(Publisher {
        name: row.parse("name", PublicationName::parse)?,
        oid: row.get("oid")?,
        owner: row.parse("owner", RoleName::parse)?,
        published_as: PublishedAs {
            publish: Operation::of_row(row)?,
            columns: has_columns.then(|| row.parse_set("columns", ColumnName::parse)).transpose()?,
            filter_columns: row.parse_set("filter_columns", ColumnName::parse)?,
            generated_columns: GeneratedColumns::of_catalog(row.get("generated")?)?,
        },
        filter: row.get("filter")?,
    })
}
