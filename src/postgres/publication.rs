//! Publications: which changes of which tables a subscriber may receive.
//!
//! Membership is read as it was declared (`pg_publication_rel`), not as it takes effect (`pg_publication_tables`): a list, a schema
//! and FOR ALL TABLES look the same there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::Result;
pub use super::marks::Marks;
use super::names::{PublicationName, RoleName, SchemaName, TableName};
use super::row::{Param, Row};
use super::sql::{Fragment, Keyword, List, Literal, Statement};
use super::version::ServerVersion;
use crate::sql;

/// A kind of change that can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// INSERT
    Insert,
    /// UPDATE: needs a replica identity.
    Update,
    /// DELETE: needs a replica identity.
    Delete,
    /// TRUNCATE
    Truncate,
}

impl Operation {
    /// All of them, in the order of the manual.
    pub const ALL: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// The word of the option `publish`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
        }
    }

    /// From that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// From the four columns of `pg_publication`.
    pub(super) fn of_row(row: &Row) -> Result<BTreeSet<Self>> {
        let mut publish = BTreeSet::new();
        for (column, operation) in ["pubinsert", "pubupdate", "pubdelete", "pubtruncate"].into_iter().zip(Self::ALL) {
            if row.get(column)? {
                publish.insert(operation);
            }
        }
        Ok(publish)
    }

    /// Whether a subscriber must find the old row, so that the table needs a replica identity.
    pub const fn needs_identity(self) -> bool {
        matches!(self, Self::Update | Self::Delete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a publication is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The listed tables. Each alone, without the tables that inherit from it; a partitioned one with its partitions.
    pub tables: BTreeSet<TableName>,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// Published changes; none is legal.
    pub publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub via_partition_root: bool,
}

/// A listed table as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Oid of the table.
    pub relid: u32,
    /// A column list (15+).
    pub has_columns: bool,
    /// The row filter as the server prints it (15+).
    pub filter: Option<String>,
}

/// A publication as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its name.
    pub name: PublicationName,
    /// Its `pg_publication.oid`: another one means that it was made again.
    pub oid: u32,
    /// Its owner.
    pub owner: RoleName,
    /// The listed tables.
    pub tables: BTreeMap<TableName, Member>,
    /// Schemas that are published whole (15+).
    pub schemas: BTreeSet<SchemaName>,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// Published changes.
    pub publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub via_partition_root: bool,
    /// COMMENT, as it is; [`Marks::parse`] reads it.
    pub comment: Option<String>,
}

impl Publication {
    /// What it would be declared as, if filters, column lists and schemas are left aside.
    pub fn definition(&self) -> Definition {
        Definition {
            tables: self.tables.keys().cloned().collect(),
            all_tables: self.all_tables,
            publish: self.publish.clone(),
            via_partition_root: self.via_partition_root,
        }
    }

    /// Whether some listed table has a filter or a column list, or a schema is published whole: then it is more than a [`Definition`] says.
    pub fn has_extras(&self) -> bool {
        !self.schemas.is_empty() || self.tables.values().any(|it| it.has_columns || it.filter.is_some())
    }

    /// Whether only drop and create lead to `want`: to and from FOR ALL TABLES there is no ALTER.
    pub fn must_be_replaced_for(&self, want: &Definition) -> bool {
        self.all_tables != want.all_tables
    }

    /// The marks in its comment.
    pub fn marks(&self) -> Marks {
        Marks::parse(self.comment.as_deref().unwrap_or_default())
    }
}

/// Makes it.
pub fn create(name: &PublicationName, want: &Definition) -> Vec<Statement> {
    let options = options(&want.publish, want.via_partition_root);
    let statement = if want.all_tables {
        sql!("CREATE PUBLICATION {} FOR ALL TABLES WITH ({})", name, options)
    } else if want.tables.is_empty() {
        sql!("CREATE PUBLICATION {} WITH ({})", name, options)
    } else {
        sql!("CREATE PUBLICATION {} FOR TABLE {} WITH ({})", name, only(&want.tables), options)
    };
    vec![statement]
}

/// Leads from what is there to what is wanted; empty if that is the same. Cannot change `all_tables`: see [`replace`].
pub fn alter(have: &Publication, want: &Definition) -> Vec<Statement> {
    let mut statements = Vec::new();
    let now = have.definition();
    if !want.all_tables && (now.tables != want.tables || have.has_extras()) {
        statements.push(if want.tables.is_empty() {
            sql!("ALTER PUBLICATION {} DROP TABLE {}", have.name, only(&now.tables))
        } else {
            sql!("ALTER PUBLICATION {} SET TABLE {}", have.name, only(&want.tables))
        });
    }
    if now.publish != want.publish || now.via_partition_root != want.via_partition_root {
        let options = options(&want.publish, want.via_partition_root);
        statements.push(sql!("ALTER PUBLICATION {} SET ({})", have.name, options));
    }
    statements
}

/// Drops and makes it again; run in one transaction this loses no change (tried on 14 to 18). The comment then names the oids that it
/// continues.
pub fn replace(have: &Publication, want: &Definition) -> Vec<Statement> {
    let mut marks = have.marks();
    marks.continues.insert(have.oid);
    let mut statements = drop(&have.name);
    statements.extend(create(&have.name, want));
    statements.extend(comment(&have.name, &marks));
    statements
}

/// Drops it.
pub fn drop(name: &PublicationName) -> Vec<Statement> {
    vec![sql!("DROP PUBLICATION {}", name)]
}

/// Sets its comment.
pub fn comment(name: &PublicationName, marks: &Marks) -> Vec<Statement> {
    vec![if let Some(text) = marks.render() {
        sql!("COMMENT ON PUBLICATION {} IS {}", name, Literal(&text))
    } else {
        sql!("COMMENT ON PUBLICATION {} IS NULL", name)
    }]
}

struct Only<'a>(&'a TableName);

impl Fragment for Only<'_> {
    fn write_sql(&self, out: &mut String) {
        Keyword("ONLY ").write_sql(out);
        self.0.write_sql(out);
    }
}

// Without ONLY the tables that inherit from a listed one would be listed too, and read back as more than was declared.
fn only(tables: &BTreeSet<TableName>) -> List<Only<'_>> {
    List(tables.iter().map(Only).collect())
}

struct Options(String, bool);

impl Fragment for Options {
    fn write_sql(&self, out: &mut String) {
        Keyword("publish = ").write_sql(out);
        Literal(&self.0).write_sql(out);
        Keyword(", publish_via_partition_root = ").write_sql(out);
        self.1.write_sql(out);
    }
}

fn options(publish: &BTreeSet<Operation>, via_partition_root: bool) -> Options {
    let words: Vec<_> = publish.iter().map(|it| it.as_str()).collect();
    Options(words.join(", "), via_partition_root)
}

// One row per publication and listed table, or schema; one with neither for a publication that has none. $1 null: all.
const READ_14: &str = "
SELECT p.oid, p.pubname::text AS name, pg_get_userbyid(p.pubowner)::text AS owner, p.puballtables, p.pubinsert, p.pubupdate,
       p.pubdelete, p.pubtruncate, p.pubviaroot, obj_description(p.oid, 'pg_publication') AS comment,
       c.oid AS relid, n.nspname::text AS schema, c.relname::text AS relation, false AS has_columns, NULL::text AS filter
FROM pg_publication p
     LEFT JOIN pg_publication_rel m ON m.prpubid = p.oid
     LEFT JOIN pg_class c ON c.oid = m.prrelid
     LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE $1::text IS NULL OR p.pubname = $1
ORDER BY p.pubname, n.nspname, c.relname";

const READ_15: &str = "
SELECT p.oid, p.pubname::text AS name, pg_get_userbyid(p.pubowner)::text AS owner, p.puballtables, p.pubinsert, p.pubupdate,
       p.pubdelete, p.pubtruncate, p.pubviaroot, obj_description(p.oid, 'pg_publication') AS comment,
       m.relid, n.nspname::text AS schema, c.relname::text AS relation, coalesce(m.has_columns, false) AS has_columns, m.filter
FROM pg_publication p
     LEFT JOIN (SELECT prpubid, prrelid AS relid, NULL::oid AS nspid, prattrs IS NOT NULL AS has_columns,
                       pg_get_expr(prqual, prrelid) AS filter FROM pg_publication_rel
                UNION ALL
                SELECT pnpubid, NULL, pnnspid, false, NULL FROM pg_publication_namespace) m ON m.prpubid = p.oid
     LEFT JOIN pg_class c ON c.oid = m.relid
     LEFT JOIN pg_namespace n ON n.oid = coalesce(m.nspid, c.relnamespace)
WHERE $1::text IS NULL OR p.pubname = $1
ORDER BY p.pubname, n.nspname, c.relname";

const fn query(version: ServerVersion) -> &'static str {
    if version.has_publication_filters() { READ_15 } else { READ_14 }
}

/// Reads one; `None` if the connected database has no publication of that name.
pub async fn read(connection: &Connection, name: &PublicationName) -> Result<Option<Publication>> {
    let rows = connection.fetch(query(connection.version()), &[Param::OptionalText(Some(name.as_str()))]).await?;
    Ok(from_rows(&rows)?.remove(name))
}

/// Reads all of the connected database.
pub async fn read_all(connection: &Connection) -> Result<BTreeMap<PublicationName, Publication>> {
    from_rows(&connection.fetch(query(connection.version()), &[Param::OptionalText(None)]).await?)
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
                let member = Member { relid, has_columns: row.get("has_columns")?, filter: row.get("filter")? };
                publication.tables.insert(table, member);
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
        schemas: BTreeSet::new(),
        all_tables: row.get("puballtables")?,
        publish: Operation::of_row(row)?,
        via_partition_root: row.get("pubviaroot")?,
        comment: row.get("comment")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> PublicationName {
        PublicationName::parse("p\"1").unwrap()
    }

    fn definition(tables: &[&str]) -> Definition {
        Definition {
            tables: tables.iter().map(|it| TableName::parse("public", it).unwrap()).collect(),
            all_tables: false,
            publish: Operation::ALL.into(),
            via_partition_root: false,
        }
    }

    fn found(definition: &Definition) -> Publication {
        let member = |relid| Member { relid, has_columns: false, filter: None };
        let tables = definition.tables.iter().cloned().zip((20_001..).map(member)).collect();
        Publication {
            name: name(),
            oid: 16_390,
            owner: RoleName::parse("o").unwrap(),
            tables,
            schemas: BTreeSet::new(),
            all_tables: definition.all_tables,
            publish: definition.publish.clone(),
            via_partition_root: definition.via_partition_root,
            comment: None,
        }
    }

    fn shown(statements: &[Statement]) -> String {
        statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn create_lists_what_was_declared() {
        insta::assert_snapshot!(shown(&create(&name(), &definition(&["a", "b'; --"]))), @r#"CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a", ONLY "public"."b'; --" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)"#);
        let all = Definition {
            all_tables: true,
            publish: [Operation::Insert].into(),
            via_partition_root: true,
            ..definition(&[])
        };
        insta::assert_snapshot!(shown(&create(&name(), &all)), @r#"CREATE PUBLICATION "p""1" FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true)"#);
        let nothing = Definition { publish: [].into(), ..definition(&[]) };
        insta::assert_snapshot!(shown(&create(&name(), &nothing)), @r#"CREATE PUBLICATION "p""1" WITH (publish = '', publish_via_partition_root = false)"#);
    }

    #[test]
    fn alter_of_the_same_is_nothing() {
        for it in [
            definition(&[]),
            definition(&["a", "b"]),
            Definition { all_tables: true, publish: [].into(), ..definition(&[]) },
        ] {
            assert_eq!(alter(&found(&it), &it), []);
        }
    }

    #[test]
    fn alter_says_the_difference() {
        let have = found(&definition(&["a", "b"]));
        insta::assert_snapshot!(shown(&alter(&have, &definition(&["b", "c"]))), @r#"ALTER PUBLICATION "p""1" SET TABLE ONLY "public"."b", ONLY "public"."c""#);
        insta::assert_snapshot!(shown(&alter(&have, &definition(&[]))), @r#"ALTER PUBLICATION "p""1" DROP TABLE ONLY "public"."a", ONLY "public"."b""#);
        let inserts =
            Definition { publish: [Operation::Insert].into(), via_partition_root: true, ..definition(&["a", "b"]) };
        insta::assert_snapshot!(shown(&alter(&have, &inserts)), @r#"ALTER PUBLICATION "p""1" SET (publish = 'insert', publish_via_partition_root = true)"#);
    }

    #[test]
    fn alter_takes_filters_and_schemas_of_others_away() {
        let want = definition(&["a"]);
        let set = r#"ALTER PUBLICATION "p""1" SET TABLE ONLY "public"."a""#;
        let mut filtered = found(&want);
        for member in filtered.tables.values_mut() {
            member.filter = Some("(id > 3)".to_owned());
        }
        assert_eq!(shown(&alter(&filtered, &want)).trim_end(), set);
        let mut with_schema = found(&want);
        with_schema.schemas.insert(SchemaName::parse("s").unwrap());
        assert_eq!(shown(&alter(&with_schema, &want)).trim_end(), set);
    }

    #[test]
    fn replace_keeps_the_text_and_remembers_the_oids() {
        let mut have = found(&Definition { all_tables: true, ..definition(&[]) });
        have.comment = Some("it's mine\nneonrep: continues 16001".to_owned());
        let want = definition(&["a"]);
        assert!(have.must_be_replaced_for(&want));
        insta::assert_snapshot!(shown(&replace(&have, &want)), @r#"
        DROP PUBLICATION "p""1"
        CREATE PUBLICATION "p""1" FOR TABLE ONLY "public"."a" WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)
        COMMENT ON PUBLICATION "p""1" IS 'it''s mine
        neonrep: continues 16001, 16390'
        "#);
    }
}
