//! Privileges, and which of them a role holds by entries of its own: not through PUBLIC, nor as a member of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::Result;
use super::names::{RoleName, SchemaName, TableName};
use super::row::{Param, Row};
use super::sql::{Fragment, Keyword};

/// A privilege on a table (manual, 5.8). The aliases are words of private state that versions before 0.2 wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum TablePrivilege {
    /// SELECT
    #[serde(rename = "SELECT", alias = "Select")]
    Select,
    /// INSERT
    #[serde(rename = "INSERT", alias = "Insert")]
    Insert,
    /// UPDATE
    #[serde(rename = "UPDATE", alias = "Update")]
    Update,
    /// DELETE
    #[serde(rename = "DELETE", alias = "Delete")]
    Delete,
    /// TRUNCATE
    #[serde(rename = "TRUNCATE", alias = "Truncate")]
    Truncate,
    /// REFERENCES
    #[serde(rename = "REFERENCES", alias = "References")]
    References,
    /// TRIGGER
    #[serde(rename = "TRIGGER", alias = "Trigger")]
    Trigger,
    /// MAINTAIN (17+)
    #[serde(rename = "MAINTAIN", alias = "Maintain")]
    Maintain,
}

impl TablePrivilege {
    /// All of them, in the order of the manual.
    pub(crate) const ALL: [Self; 8] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Truncate,
        Self::References,
        Self::Trigger,
        Self::Maintain,
    ];

    /// The word of the grammar.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::References => "REFERENCES",
            Self::Trigger => "TRIGGER",
            Self::Maintain => "MAINTAIN",
        }
    }

    /// From that word, in capitals.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for TablePrivilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Fragment for TablePrivilege {
    fn write_sql(&self, out: &mut String) {
        Keyword(self.as_str()).write_sql(out);
    }
}

/// Who gave a privilege; only that role, or a member of it, can take it back.
pub(crate) type Grantors = BTreeSet<RoleName>;

/// What a role holds in the connected database, by its own ACL entries. An owner whose object has no ACL yet holds the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// CONNECT on the database.
    pub(crate) connect: Grantors,
    /// USAGE of schemas.
    pub(crate) usage: BTreeMap<SchemaName, Grantors>,
    /// CREATE in schemas.
    pub(crate) create: BTreeMap<SchemaName, Grantors>,
    /// Privileges on tables and what is like them.
    pub(crate) tables: BTreeMap<TableName, BTreeMap<TablePrivilege, Grantors>>,
    /// Privileges on tables that an owner will make; without a schema: in any.
    pub(crate) future: BTreeMap<(RoleName, Option<SchemaName>), BTreeSet<TablePrivilege>>,
    /// How many other objects name it in their ACL: sequences, functions, types, columns …; by schema, `None` for those in no schema.
    pub(crate) others: BTreeMap<Option<SchemaName>, u64>,
}

// Texts of ACLs are never parsed: names may hold whatever they use as punctuation. The first branch tells roles that hold nothing from
// roles that are not there. Owner's default privileges (`acldefault`) count where an ACL is still null.
const READ: &str = "
WITH r AS (SELECT oid, rolname FROM pg_roles WHERE $1::text[] IS NULL OR rolname = ANY ($1))
SELECT rolname::text AS role, 'role' AS kind, NULL::text AS schema, NULL::text AS object, '{}'::text[] AS privileges, NULL::text AS grantor,
       0::int8 AS count
FROM r
UNION ALL
SELECT r.rolname, 'database', NULL, NULL, array_agg(a.privilege_type), pg_get_userbyid(a.grantor), 0
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a JOIN r ON r.oid = a.grantee
WHERE d.datname = current_database()
GROUP BY r.rolname, a.grantor
UNION ALL
SELECT r.rolname, 'schema', n.nspname, NULL, array_agg(a.privilege_type), pg_get_userbyid(a.grantor), 0
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a JOIN r ON r.oid = a.grantee
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY r.rolname, n.nspname, a.grantor
UNION ALL
SELECT r.rolname, 'table', n.nspname, c.relname, array_agg(a.privilege_type), pg_get_userbyid(a.grantor), 0
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a JOIN r ON r.oid = a.grantee
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY r.rolname, n.nspname, c.relname, a.grantor
UNION ALL
SELECT r.rolname, 'future', n.nspname, pg_get_userbyid(d.defaclrole), array_agg(a.privilege_type), NULL, 0
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
     CROSS JOIN LATERAL aclexplode(d.defaclacl) a JOIN r ON r.oid = a.grantee
WHERE d.defaclobjtype = 'r' AND (d.defaclrole <> r.oid OR d.defaclnamespace <> 0)
GROUP BY r.rolname, n.nspname, d.defaclrole
UNION ALL
SELECT r.rolname, 'other', n.nspname, NULL, '{}', NULL, count(*)
FROM pg_shdepend s
     JOIN r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
     JOIN pg_database b ON b.oid = s.dbid AND b.datname = current_database()
     LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
     LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid
     LEFT JOIN pg_type t ON s.classid = 'pg_type'::regclass AND t.oid = s.objid
     LEFT JOIN pg_default_acl d ON s.classid = 'pg_default_acl'::regclass AND d.oid = s.objid
     LEFT JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace, t.typnamespace, nullif(d.defaclnamespace, 0))
WHERE s.deptype = 'a' AND s.classid <> 'pg_namespace'::regclass
      AND NOT (c.oid IS NOT NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND s.objsubid = 0)
      AND NOT (d.oid IS NOT NULL AND d.defaclobjtype = 'r')
GROUP BY r.rolname, n.nspname";

/// What one role holds; `None` if there is no such role.
pub(crate) async fn read(connection: &Connection, role: &RoleName) -> Result<Option<Holdings>> {
    let roles = [role.as_str()];
    Ok(from_rows(&connection.fetch(READ, &[Param::Texts(&roles)]).await?)?.of(role))
}

/// What each role holds.
pub(crate) async fn read_all(connection: &Connection) -> Result<HoldingsByRole> {
    from_rows(&connection.fetch(READ, &[Param::NoTexts]).await?)
}

/// What each role holds, as the rows told it: a plan over many grants keeps all of it, and as [`Holdings`] it would take ten times the
/// memory.
#[derive(Debug)]
pub(crate) struct HoldingsByRole(BTreeMap<RoleName, Vec<Held>>);

impl HoldingsByRole {
    /// What that role holds; `None` if there is no such role.
    pub(crate) fn of(&self, role: &RoleName) -> Option<Holdings> {
        Some(self.0.get(role)?.iter().collect())
    }
}

/// What a row of [`READ`] tells, with who gave it.
#[derive(Clone, Debug)]
enum Held {
    Connect(Option<RoleName>),
    Usage(SchemaName, Option<RoleName>),
    Create(SchemaName, Option<RoleName>),
    Table(TableName, Box<[TablePrivilege]>, Option<RoleName>),
    Future(RoleName, Option<SchemaName>, Box<[TablePrivilege]>),
    Other(Option<SchemaName>, u64),
}

impl<'a> FromIterator<&'a Held> for Holdings {
    fn from_iter<I: IntoIterator<Item = &'a Held>>(all: I) -> Self {
        let mut held = Self::default();
        for it in all.into_iter().cloned() {
            match it {
                Held::Connect(by) => held.connect.extend(by),
                Held::Usage(schema, by) => held.usage.entry(schema).or_default().extend(by),
                Held::Create(schema, by) => held.create.entry(schema).or_default().extend(by),
                Held::Table(table, privileges, by) => {
                    let entries = held.tables.entry(table).or_default();
                    for privilege in privileges {
                        entries.entry(privilege).or_default().extend(by.clone());
                    }
                }
                Held::Future(owner, schema, privileges) => {
                    held.future.entry((owner, schema)).or_default().extend(privileges);
                }
                Held::Other(schema, count) => {
                    held.others.insert(schema, count);
                }
            }
        }
        held
    }
}

fn from_rows(rows: &[Row]) -> Result<HoldingsByRole> {
    let mut all: BTreeMap<RoleName, Vec<Held>> = BTreeMap::new();
    for row in rows {
        // Roles that hold nothing have a row too.
        let held = all.entry(row.parse("role", RoleName::parse)?).or_default();
        let words: Vec<&str> = row.get("privileges")?;
        let privileges = || words.iter().filter_map(|it| TablePrivilege::parse(it)).collect();
        let by = row.parse_optional("grantor", RoleName::parse)?;
        let schema = row.parse_optional("schema", SchemaName::parse)?;
        match (row.get::<&str>("kind")?, schema) {
            ("database", _) if words.contains(&"CONNECT") => held.push(Held::Connect(by)),
            ("schema", Some(schema)) => {
                if words.contains(&"USAGE") {
                    held.push(Held::Usage(schema.clone(), by.clone()));
                }
                if words.contains(&"CREATE") {
                    held.push(Held::Create(schema, by));
                }
            }
            ("table", Some(schema)) => {
                let table = row.parse("object", |name| TableName::parse(schema.as_str(), name))?;
                held.push(Held::Table(table, privileges(), by));
            }
            ("future", schema) => {
                held.push(Held::Future(row.parse("object", RoleName::parse)?, schema, privileges()));
            }
            ("other", schema) => {
                held.push(Held::Other(schema, u64::try_from(row.get::<i64>("count")?).unwrap_or_default()));
            }
            _ => {}
        }
    }
    all.values_mut().for_each(Vec::shrink_to_fit);
    Ok(HoldingsByRole(all))
}

/// Tables on which `who`, or else the connected role, may give privileges that others own: by a grant option, its own or
/// that of a role whose privileges it has (on Neon, `neon_superuser` has one on what `cloud_admin` makes).
pub(crate) async fn grant_options(
    connection: &Connection,
    who: Option<&RoleName>,
) -> Result<BTreeMap<TableName, BTreeSet<TablePrivilege>>> {
    const OPTIONS: &str = "
SELECT n.nspname::text AS schema, c.relname::text AS name, array_agg(a.privilege_type) AS privileges
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles w ON w.rolname = coalesce($1::text, current_user)
     CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND a.is_grantable AND a.grantee <> 0 AND pg_has_role(w.oid, a.grantee, 'USAGE')
GROUP BY 1, 2";
    let rows = connection.fetch(OPTIONS, &[Param::OptionalText(who.map(RoleName::as_str))]).await?;
    rows.iter()
        .map(|row| {
            let schema: &str = row.get("schema")?;
            let privileges: Vec<String> = row.get("privileges")?;
            let table = row.parse("name", |name| TableName::parse(schema, name))?;
            Ok((table, privileges.iter().filter_map(|it| TablePrivilege::parse(it)).collect()))
        })
        .collect()
}

/// The roles for which `who`, or else the connected role, may set default privileges and act as the owner: 14 and 15 ask for
/// membership, 16 and newer for their privileges (SQLSTATE 42501 otherwise).
pub(crate) async fn may_act_for(connection: &Connection, who: Option<&RoleName>) -> Result<BTreeSet<RoleName>> {
    const MAY: &str = "
SELECT o.rolname::text AS owner FROM pg_roles o JOIN pg_roles w ON w.rolname = coalesce($1::text, current_user)
WHERE pg_has_role(w.oid, o.oid, $2)";
    let right = if connection.version().defaults_need_privileges_of_owner() { "USAGE" } else { "MEMBER" };
    let rows = connection.fetch(MAY, &[Param::OptionalText(who.map(RoleName::as_str)), Param::Text(right)]).await?;
    rows.iter().map(|row| row.parse("owner", RoleName::parse)).collect()
}
