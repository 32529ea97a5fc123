//! Tables and what is like them, with the facts that replication and grants ask for.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Connection;
use super::error::{Error, Kind as ErrorKind, Result};
use super::identity::{Generated, Identity, TableFacts};
use super::key_columns::key_columns;
use super::names::{ColumnName, IndexName, RoleName, SchemaName, TableName};
use super::replica_identity::Mode;
use super::row::{Param, Row};

/// What a relation is (`pg_class.relkind`), as far as table privileges apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An ordinary table.
    Table,
    Partitioned,
    View,
    MaterializedView,
    Foreign,
}

impl Kind {
    /// In words.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Foreign => "foreign table",
        }
    }

    pub(super) fn of(relkind: &str) -> Result<Self> {
        Ok(match relkind {
            "r" => Self::Table,
            "p" => Self::Partitioned,
            "v" => Self::View,
            "m" => Self::MaterializedView,
            "f" => Self::Foreign,
            other => return Err(Error::new(ErrorKind::Decode, format!("unknown relkind `{other}`"))),
        })
    }
}

/// A relation as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts of the catalog")]
pub(crate) struct Table {
    /// `pg_class.oid`.
    pub(crate) oid: u32,
    pub(crate) name: TableName,
    /// What it is.
    pub(crate) kind: Kind,
    pub(crate) owner: RoleName,
    /// Neither temporary nor unlogged.
    pub(crate) is_permanent: bool,
    /// It has a primary key that can serve as identity: valid and not deferrable.
    pub(crate) has_primary_key: bool,
    /// Replica identity; an index that was dropped reads as `Index(None)`.
    pub(crate) identity: Mode,
    /// Key columns of that primary key.
    pub(crate) key_columns: BTreeSet<ColumnName>,
    /// With an index as identity: whether it exists and is valid.
    pub(crate) identity_index_valid: bool,
    /// Key columns of that index.
    pub(crate) identity_index_columns: BTreeSet<ColumnName>,
    pub(crate) generated: BTreeMap<ColumnName, Generated>,
    /// Tables that inherit from it, partitions left out. They are not published with it.
    pub(crate) inherited_by: BTreeSet<TableName>,
    /// For a partition: oid of the table that it is a direct part of.
    pub(crate) partition_of: Option<u32>,
    /// Row security is on.
    pub(crate) row_security: bool,
    /// Made by an extension.
    pub(crate) of_extension: bool,
}

impl Table {
    /// Whether UPDATE and DELETE of this very table can be published. Partitions answer each for itself.
    pub(crate) fn has_usable_identity(&self) -> bool {
        match self.identity {
            Mode::Default => self.has_primary_key,
            Mode::Full => true,
            Mode::Nothing => false,
            Mode::Index(_) => self.identity_index_valid,
        }
    }

    /// What counts for publishing its updates and deletes as it is.
    pub(crate) fn facts(&self) -> TableFacts {
        self.facts_as(&self.identity, &self.identity_index_columns)
    }

    /// The same in another mode; `index_columns` are the key columns of its index, none if that index cannot serve.
    pub(crate) fn facts_as(&self, mode: &Mode, index_columns: &BTreeSet<ColumnName>) -> TableFacts {
        let key = |columns: &BTreeSet<ColumnName>| Identity::Columns(columns.clone());
        let identity = match mode {
            Mode::Default if self.has_primary_key => key(&self.key_columns),
            Mode::Full => Identity::Full,
            Mode::Index(_) if !index_columns.is_empty() => key(index_columns),
            Mode::Default | Mode::Nothing | Mode::Index(_) => Identity::Nothing,
        };
        TableFacts { identity, generated: self.generated.clone() }
    }

    /// Why it cannot be listed in a publication; `None` if it can (`is_publishable_class`, SQLSTATE 22023).
    pub(crate) fn why_not_publishable(&self) -> Option<&'static str> {
        match self.kind {
            Kind::View => Some("views cannot be published"),
            Kind::MaterializedView => Some("materialized views cannot be published"),
            Kind::Foreign => Some("foreign tables cannot be published"),
            Kind::Table | Kind::Partitioned if !self.is_permanent => {
                Some("temporary and unlogged tables cannot be published")
            }
            Kind::Table | Kind::Partitioned if self.oid < FIRST_NORMAL_OID => Some("system tables cannot be published"),
            Kind::Table | Kind::Partitioned => None,
        }
    }
}

/// `FirstNormalObjectId`: smaller oids belong to the server itself.
const FIRST_NORMAL_OID: u32 = 16_384;

/// Relations by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    by_name: BTreeMap<TableName, Table>,
    by_oid: BTreeMap<u32, TableName>,
}

impl Tables {
    /// The one of that name.
    pub(crate) fn get(&self, name: &TableName) -> Option<&Table> {
        self.by_name.get(name)
    }

    /// The one of that oid.
    pub(crate) fn get_by_oid(&self, oid: u32) -> Option<&Table> {
        self.by_oid.get(&oid).and_then(|name| self.by_name.get(name))
    }

    /// All, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Table> {
        self.by_name.values()
    }

    /// Those of a schema that belong to no extension: what a schema-wide grant means.
    pub(crate) fn of_schema<'a>(&'a self, schema: &'a SchemaName) -> impl Iterator<Item = &'a Table> {
        self.iter().filter(move |it| it.name.schema == *schema && !it.of_extension)
    }

    /// Tables that hold the rows: the table itself, or for a partitioned one its leaves, at whatever depth.
    pub(crate) fn leaves<'a>(&'a self, table: &'a Table) -> Vec<&'a Table> {
        if table.kind != Kind::Partitioned {
            return vec![table];
        }
        self.iter().filter(|it| it.kind != Kind::Partitioned && self.is_part_of(it, table.oid)).collect()
    }

    /// The table, and what it is a part of: its own parent first.
    pub(crate) fn lineage<'a>(&'a self, table: &'a Table) -> Vec<&'a Table> {
        let parent = |it: &&'a Table| it.partition_of.and_then(|oid| self.get_by_oid(oid));
        // A chain longer than the number of tables would be a circle.
        std::iter::successors(Some(table), parent).take(self.by_name.len() + 1).collect()
    }

    fn is_part_of(&self, table: &Table, root: u32) -> bool {
        self.lineage(table).iter().any(|it| it.oid == root)
    }
}

impl FromIterator<Table> for Tables {
    fn from_iter<I: IntoIterator<Item = Table>>(tables: I) -> Self {
        let by_name: BTreeMap<_, _> = tables.into_iter().map(|it| (it.name.clone(), it)).collect();
        let by_oid = by_name.values().map(|it| (it.oid, it.name.clone())).collect();
        Self { by_name, by_oid }
    }
}

macro_rules! select_tables {
    ($with:literal, $which:literal) => {
        concat!(
            $with,
            "
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       pg_get_userbyid(c.relowner)::text AS owner, c.relpersistence = 'p' AS is_permanent, c.relreplident::text AS identity,
       c.relrowsecurity AS row_security,
       k.columns IS NOT NULL AS has_primary_key, k.columns AS key_columns,
       x.name AS identity_index, coalesce(x.valid, false) AS identity_index_valid, x.columns AS identity_index_columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's' AND NOT a.attisdropped) AS stored,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v' AND NOT a.attisdropped) AS computed,
       h.schemas AS child_schemas, h.names AS child_names,
       CASE WHEN c.relispartition THEN (SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid = c.oid LIMIT 1) END AS partition_of,
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS of_extension
FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN LATERAL (SELECT ",
            key_columns!(),
            " AS columns FROM pg_index i
                        WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid LIMIT 1) k ON true
     LEFT JOIN LATERAL (SELECT ic.relname::text AS name, i.indisvalid AND i.indislive AS valid, ",
            key_columns!(),
            " AS columns FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
                        WHERE i.indrelid = c.oid AND i.indisreplident LIMIT 1) x ON c.relreplident = 'i'
     LEFT JOIN LATERAL (SELECT array_agg(kn.nspname::text ORDER BY kc.oid) AS schemas, array_agg(kc.relname::text ORDER BY kc.oid) AS names
                        FROM pg_inherits i JOIN pg_class kc ON kc.oid = i.inhrelid JOIN pg_namespace kn ON kn.oid = kc.relnamespace
                        WHERE i.inhparent = c.oid) h ON c.relkind = 'r'
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ",
            $which,
            "
ORDER BY n.nspname, c.relname"
        )
    };
}

// System schemas are left out; `pg_` is reserved for them.
const READ_ALL: &str = select_tables!("", "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'");

const READ: &str = select_tables!(
    "
WITH named AS (SELECT c.oid FROM unnest($1::text[], $2::text[]) AS u(schema, name)
               JOIN pg_namespace n ON n.nspname = u.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = u.name),
     wanted AS (SELECT oid FROM named
                UNION SELECT t.relid::oid FROM named, pg_partition_tree(named.oid) t
                UNION SELECT a.relid::oid FROM named, pg_partition_ancestors(named.oid) a)",
    "c.oid IN (SELECT oid FROM wanted)"
);

/// Reads all of the connected database, but system schemas.
pub(crate) async fn read_all(connection: &Connection) -> Result<Tables> {
    from_rows(&connection.fetch(READ_ALL, &[]).await?)
}

/// Reads those of the names that are there, with their partitions and what they are partitions of.
pub(crate) async fn read(connection: &Connection, names: &BTreeSet<TableName>) -> Result<Tables> {
    let schemas: Vec<&str> = names.iter().map(|it| it.schema.as_str()).collect();
    let relations: Vec<&str> = names.iter().map(TableName::name).collect();
    from_rows(&connection.fetch(READ, &[Param::Texts(&schemas), Param::Texts(&relations)]).await?)
}

fn from_rows(rows: &[Row]) -> Result<Tables> {
    rows.iter().map(from_row).collect::<Result<Vec<_>>>().map(Tables::from_iter)
}

fn from_row(row: &Row) -> Result<Table> {
    let schema: &str = row.get("schema")?;
    let index = row.parse_optional("identity_index", IndexName::parse)?;
    Ok(Table {
        oid: row.get("oid")?,
        name: row.parse("name", |name| TableName::parse(schema, name))?,
        kind: Kind::of(row.get("kind")?)?,
        owner: row.parse("owner", RoleName::parse)?,
        is_permanent: row.get("is_permanent")?,
        has_primary_key: row.get("has_primary_key")?,
        identity: Mode::of_catalog(row.get("identity")?, index)?,
        key_columns: row.parse_set("key_columns", ColumnName::parse)?,
        identity_index_valid: row.get("identity_index_valid")?,
        identity_index_columns: row.parse_set("identity_index_columns", ColumnName::parse)?,
        generated: generated(row)?,
        inherited_by: inherited_by(row)?,
        partition_of: row.get("partition_of")?,
        row_security: row.get("row_security")?,
        of_extension: row.get("of_extension")?,
    })
}

fn generated(row: &Row) -> Result<BTreeMap<ColumnName, Generated>> {
    let stored = row.parse_set("stored", ColumnName::parse)?.into_iter().map(|it| (it, Generated::Stored));
    let computed = row.parse_set("computed", ColumnName::parse)?.into_iter().map(|it| (it, Generated::Virtual));
    Ok(stored.chain(computed).collect())
}

fn inherited_by(row: &Row) -> Result<BTreeSet<TableName>> {
    let schemas: Option<Vec<&str>> = row.get("child_schemas")?;
    let names: Option<Vec<&str>> = row.get("child_names")?;
    let both = schemas.unwrap_or_default().into_iter().zip(names.unwrap_or_default());
    both.map(|(schema, name)| TableName::parse(schema, name).map_err(|e| Error::new(ErrorKind::Decode, e.to_string())))
        .collect()
}

/// Schemas of the connected database, but system ones, with their owners.
pub(crate) async fn schemas(connection: &Connection) -> Result<BTreeMap<SchemaName, RoleName>> {
    const SCHEMAS: &str = "
SELECT n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner
FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1";
    let rows = connection.fetch(SCHEMAS, &[]).await?;
    rows.iter().map(|row| Ok((row.parse("name", SchemaName::parse)?, row.parse("owner", RoleName::parse)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(oid: u32, name: &str, kind: Kind, partition_of: Option<u32>) -> Table {
        Table {
            oid,
            name: TableName::parse("public", name).unwrap(),
            kind,
            owner: RoleName::parse("o").unwrap(),
            is_permanent: true,
            has_primary_key: false,
            identity: Mode::Default,
            key_columns: BTreeSet::new(),
            identity_index_valid: false,
            identity_index_columns: BTreeSet::new(),
            generated: BTreeMap::new(),
            inherited_by: BTreeSet::new(),
            partition_of,
            row_security: false,
            of_extension: false,
        }
    }

    #[test]
    fn leaves_are_found_at_any_depth() {
        let root = table(20_001, "root", Kind::Partitioned, None);
        let tables: Tables = [
            root.clone(),
            table(20_002, "mid", Kind::Partitioned, Some(20_001)),
            table(20_003, "leaf_a", Kind::Table, Some(20_002)),
            table(20_004, "leaf_b", Kind::Table, Some(20_001)),
            table(20_005, "other", Kind::Table, None),
        ]
        .into_iter()
        .collect();
        let names = |it: &Table| tables.leaves(it).iter().map(|it| it.name.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&root), ["leaf_a", "leaf_b"]);
        assert_eq!(names(tables.get_by_oid(20_005).unwrap()), ["other"]);
        assert_eq!(names(tables.get_by_oid(20_004).unwrap()), ["leaf_b"]);
    }

    #[test]
    fn identity_is_usable_only_with_something_to_identify_by() {
        let mut it = table(20_001, "t", Kind::Table, None);
        assert!(!it.has_usable_identity());
        it.has_primary_key = true;
        assert!(it.has_usable_identity());
        it.identity = Mode::Nothing;
        assert!(!it.has_usable_identity());
        it.identity = Mode::Full;
        assert!(it.has_usable_identity());
        it.identity = Mode::Index(None);
        assert!(!it.has_usable_identity());
    }

    #[test]
    fn what_can_be_published() {
        let mut it = table(20_001, "t", Kind::Partitioned, None);
        assert_eq!(it.why_not_publishable(), None);
        it.is_permanent = false;
        assert!(it.why_not_publishable().is_some());
        assert!(table(20_002, "v", Kind::View, None).why_not_publishable().is_some());
        assert!(table(1259, "pg_class", Kind::Table, None).why_not_publishable().is_some());
    }
}
