//! Publications as the catalogue has them.

use std::collections::BTreeMap;

use super::definition::{Member, Publication};
use super::operation::{GeneratedColumns, Operation};
use crate::postgres::connection::Connection;
use crate::postgres::error::{Error, Kind, Result};
use crate::postgres::marks::{Comment, Marks};
use crate::postgres::names::{ColumnName, PublicationName, RoleName, SchemaName, TableName};
use crate::postgres::row::{Param, Row};
use crate::postgres::version::ServerVersion;

// One row per publication and listed table, or schema; one with neither for a publication that has none. $1 null: all. Of a comment,
// which may be of any length, only lines that may be marks are sent, and not more than a run of many replacements can have written.
macro_rules! select_publications {
    ($generated:literal, $members:literal) => {
        concat!(
            "
WITH p AS MATERIALIZED (
    SELECT oid, pubname, pubowner, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, ",
            $generated,
            " AS generated,
           ARRAY(SELECT left(line, 2000) FROM string_to_table(obj_description(oid, 'pg_publication'), chr(10)) AS line
                 WHERE starts_with(line, 'neonrep: ') LIMIT 100) AS marks
    FROM pg_publication WHERE $1::text IS NULL OR pubname = $1),
m AS (",
            $members,
            ")
SELECT p.oid, p.pubname::text AS name, pg_get_userbyid(p.pubowner)::text AS owner, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,
       p.pubtruncate, p.pubviaroot, p.generated, p.marks,
       m.relid, n.nspname::text AS schema, c.relname::text AS relation, m.columns, m.filter
FROM p LEFT JOIN m ON m.pubid = p.oid
     LEFT JOIN pg_class c ON c.oid = m.relid
     LEFT JOIN pg_namespace n ON n.oid = coalesce(m.nspid, c.relnamespace)
ORDER BY p.pubname, n.nspname, c.relname"
        )
    };
    ($generated:literal) => {
        select_publications!(
            $generated,
            "
    SELECT r.prpubid AS pubid, r.prrelid AS relid, NULL::oid AS nspid,
           CASE WHEN r.prattrs IS NOT NULL THEN
               ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) END AS columns,
           pg_get_expr(r.prqual, r.prrelid) AS filter
    FROM pg_publication_rel r
    UNION ALL
    SELECT pnpubid, NULL, pnnspid, NULL, NULL FROM pg_publication_namespace"
        )
    };
}

const READ_14: &str = select_publications!(
    "'n'",
    "SELECT prpubid AS pubid, prrelid AS relid, NULL::oid AS nspid, NULL::text[] AS columns, NULL::text AS filter FROM pg_publication_rel"
);
const READ_15: &str = select_publications!("'n'");
const READ_18: &str = select_publications!("pubgencols::text");

const fn query(version: ServerVersion) -> &'static str {
    if version.has_published_generated_columns() {
        READ_18
    } else if version.has_publication_filters() {
        READ_15
    } else {
        READ_14
    }
}

/// Reads one; `None` if the connected database has no publication of that name.
pub(crate) async fn read(connection: &Connection, name: &PublicationName) -> Result<Option<Publication>> {
    let rows = connection.fetch(query(connection.version()), &[Param::OptionalText(Some(name.as_str()))]).await?;
    Ok(from_rows(&rows)?.remove(name))
}

/// Reads all of the connected database.
pub(crate) async fn read_all(connection: &Connection) -> Result<BTreeMap<PublicationName, Publication>> {
    from_rows(&connection.fetch(query(connection.version()), &[Param::OptionalText(None)]).await?)
}

/// Reads the whole comment, which is needed to change or to keep it; empty if there is none, or no publication. Error: `Other`, if it is
/// longer than 1 MiB.
pub(crate) async fn read_comment(connection: &Connection, name: &PublicationName) -> Result<Comment> {
    const COMMENT: &str = "
SELECT CASE WHEN octet_length(c.text) <= 1048576 THEN c.text END AS comment, c.text IS NOT NULL AS exists
FROM (SELECT obj_description(oid, 'pg_publication') AS text FROM pg_publication WHERE pubname = $1) c";
    let Some(row) = connection.fetch_optional(COMMENT, &[Param::Text(name.as_str())]).await? else {
        return Ok(Comment::default());
    };
    match (row.get::<Option<&str>>("comment")?, row.get("exists")?) {
        (Some(comment), _) => Ok(Comment::parse(comment)),
        (None, false) => Ok(Comment::default()),
        (None, true) => {
            let message =
                format!("the comment on publication `{name}` is longer than 1 MiB and cannot be changed or kept");
            Err(Error::new(Kind::Other, message))
        }
    }
}

fn from_rows(rows: &[Row]) -> Result<BTreeMap<PublicationName, Publication>> {
    let mut all = BTreeMap::new();
    for row in rows {
        let name = row.parse("name", PublicationName::parse)?;
        if !all.contains_key(&name) {
            all.insert(name.clone(), head(row, name.clone())?);
        }
        let Some(publication) = all.get_mut(&name) else { continue };
        let Some(schema) = row.get::<Option<&str>>("schema")? else { continue };
        match row.get::<Option<u32>>("relid")? {
            Some(relid) => {
                let table = row.parse("relation", |relation| TableName::parse(schema, relation))?;
                let has_columns = row.get::<Option<Vec<&str>>>("columns")?.is_some();
                let columns = has_columns.then(|| row.parse_set("columns", ColumnName::parse)).transpose()?;
                publication.tables.insert(table, Member { relid, columns, filter: row.get("filter")? });
            }
            None => {
                publication.schemas.insert(row.parse("schema", SchemaName::parse)?);
            }
        }
    }
    Ok(all)
}

fn head(row: &Row, name: PublicationName) -> Result<Publication> {
    Ok(Publication {
        name,
        oid: row.get("oid")?,
        owner: row.parse("owner", RoleName::parse)?,
        tables: BTreeMap::new(),
        schemas: std::collections::BTreeSet::new(),
        all_tables: row.get("puballtables")?,
        publish: Operation::of_row(row)?,
        via_partition_root: row.get("pubviaroot")?,
        generated_columns: GeneratedColumns::of_catalog(row.get("generated")?)?,
        marks: Marks::of_lines(row.get::<Vec<&str>>("marks")?),
    })
}
