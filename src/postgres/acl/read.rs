//! One round trip that reads exactly the scope.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join3, try_join4};

use super::holding::{Found, Grantee, Holding, Scope, TableHolding};
use super::right::{Entry, Right};
use crate::postgres::connection::Connection;
use crate::postgres::error::{Error, Kind as ErrorKind, Result};
use crate::postgres::membership::{self, Membership};
use crate::postgres::names::{ColumnName, DatabaseName, RoleName, SchemaName, TableName};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::row::{Param, Row};
use crate::postgres::table::Kind;

/// The entries of an ACL for the role `r`, as three arrays. Texts of ACLs are never parsed: names may hold what they use as punctuation.
macro_rules! entries {
    ($acl:literal) => {
        concat!(
            "LEFT JOIN LATERAL (SELECT array_agg(a.privilege_type) AS privileges, array_agg(pg_get_userbyid(a.grantor)::text) AS grantors,
                             array_agg(a.is_grantable) AS grantable
                      FROM aclexplode(",
            $acl,
            ") a WHERE a.grantee = r.oid) e ON true"
        )
    };
}

const HEAD: &str = concat!(
    "
SELECT r.oid AS role_oid, r.rolname::text AS role, r.oid < 16384 AS predefined, d.oid, d.datname::text AS name,
       pg_get_userbyid(d.datdba)::text AS owner, e.*
FROM pg_database d CROSS JOIN pg_roles r ",
    entries!("coalesce(d.datacl, acldefault('d', d.datdba))"),
    "
WHERE d.datname = current_database() AND r.rolname = $1"
);

const SCHEMAS: &str = concat!(
    "
SELECT n.oid, n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner, e.*
FROM pg_namespace n CROSS JOIN pg_roles r ",
    entries!("coalesce(n.nspacl, acldefault('n', n.nspowner))"),
    "
WHERE r.rolname = $1 AND n.nspname = ANY ($2)"
);

/// Relations of the scope as `c`: those of the schemas, and the listed ones.
macro_rules! in_scope {
    () => {
        "
WITH c AS (SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
             AND (n.nspname = ANY ($2) OR (n.nspname, c.relname) IN (SELECT * FROM unnest($3::text[], $4::text[]))
                  OR c.oid = ANY ($5) AND n.nspname !~ '^pg_'))"
    };
}

const TABLES: &str = concat!(
    in_scope!(),
    "
SELECT c.oid, c.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, pg_get_userbyid(c.relowner)::text AS owner,
       c.relowner AS owner_oid,
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') AS of_extension,
       ARRAY(SELECT DISTINCT o.privilege_type FROM aclexplode(c.relacl) o
             WHERE o.is_grantable AND o.grantee <> 0 AND pg_has_role(current_user, o.grantee, 'USAGE')) AS grant_options, e.*
FROM c CROSS JOIN pg_roles r ",
    entries!("coalesce(c.relacl, acldefault('r', c.relowner))"),
    "
WHERE r.rolname = $1"
);

const COLUMNS: &str = concat!(
    in_scope!(),
    "
SELECT c.nspname::text AS schema, c.relname::text AS name, t.attname::text AS column, e.*
FROM c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped CROSS JOIN pg_roles r ",
    entries!("t.attacl"),
    "
WHERE r.rolname = $1 AND e.privileges IS NOT NULL"
);

// A role's own entry without a schema is what `acldefault` gives an owner anyway.
const FUTURE: &str = "
SELECT o.oid AS owner_oid, o.rolname::text AS owner, n.nspname::text AS schema, array_agg(a.privilege_type) AS privileges
FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
     CROSS JOIN LATERAL aclexplode(d.defaclacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE r.rolname = $1 AND d.defaclobjtype = 'r' AND (n.nspname = ANY ($2) OR d.defaclnamespace = 0)
      AND (d.defaclrole <> r.oid OR d.defaclnamespace <> 0)
GROUP BY 1, 2, 3";

const OWNERS: &str = "SELECT oid, rolname::text AS name FROM pg_roles WHERE rolname = ANY ($1)";

// By the role, through the index of `pg_shdepend`: what names it in an ACL, and what it owns.
const ELSEWHERE: &str = concat!(
    in_scope!(),
    "
SELECT n.nspname::text AS schema, count(*) AS count
FROM pg_shdepend s
     JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass AND r.rolname = $1
     JOIN pg_database b ON b.oid = s.dbid AND b.datname = current_database()
     LEFT JOIN pg_class k ON s.classid = 'pg_class'::regclass AND k.oid = s.objid
     LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid
     LEFT JOIN pg_type t ON s.classid = 'pg_type'::regclass AND t.oid = s.objid
     LEFT JOIN pg_default_acl d ON s.classid = 'pg_default_acl'::regclass AND d.oid = s.objid
     LEFT JOIN pg_namespace i ON s.classid = 'pg_namespace'::regclass AND i.oid = s.objid
     LEFT JOIN pg_namespace n ON n.oid = coalesce(k.relnamespace, p.pronamespace, t.typnamespace, nullif(d.defaclnamespace, 0), i.oid)
WHERE s.deptype IN ('a', 'o')
      -- Privileges on the tables themselves are read entry by entry; those on their columns count here.
      AND NOT (s.deptype = 'a' AND s.objsubid = 0 AND s.classid = 'pg_class'::regclass AND s.objid IN (SELECT oid FROM c))
      AND NOT (s.deptype = 'a' AND i.oid IS NOT NULL AND i.nspname = ANY ($2 || $3::text[]))
      AND NOT (s.deptype = 'a' AND d.oid IS NOT NULL AND d.defaclobjtype = 'r' AND n.nspname = ANY ($2))
GROUP BY 1"
);

/// Reads what the role of the scope holds in it; `None` if there is no such role. `owners` are roles whose future tables matter.
pub(crate) async fn read(connection: &Connection, scope: &Scope, owners: &BTreeSet<RoleName>) -> Result<Option<Found>> {
    let role = Param::Text(scope.role.as_str());
    let schemas: Vec<&str> = scope.schemas.iter().map(SchemaName::as_str).collect();
    let usage: BTreeSet<&SchemaName> = scope.schemas.iter().chain(scope.tables.iter().map(|it| &it.schema)).collect();
    let usage: Vec<&str> = usage.into_iter().map(SchemaName::as_str).collect();
    let within: Vec<&str> = scope.tables.iter().map(|it| it.schema.as_str()).collect();
    let names: Vec<&str> = scope.tables.iter().map(TableName::name).collect();
    let owners: Vec<&str> = owners.iter().map(RoleName::as_str).collect();
    let oids: Vec<u32> = scope.oids.iter().copied().collect();
    let whole = [role, Param::Texts(&schemas), Param::Texts(&within), Param::Texts(&names), Param::Oids(&oids)];
    let of_schemas = [role, Param::Texts(&schemas)];
    let of_usage = [role, Param::Texts(&usage)];
    let of_owners = [Param::Texts(&owners)];
    let role = [role];
    let reads = futures_util::future::try_join(
        try_join4(
            connection.fetch_optional(HEAD, &role),
            connection.fetch(SCHEMAS, &of_usage),
            connection.fetch(TABLES, &whole),
            connection.fetch(COLUMNS, &whole),
        ),
        try_join3(
            connection.fetch(FUTURE, &of_schemas),
            connection.fetch(ELSEWHERE, &whole),
            futures_util::future::try_join(membership::read(connection, None), connection.fetch(OWNERS, &of_owners)),
        ),
    );
    // Large, for it holds eight queries at once.
    let ((head, schemas, tables, columns), (future, elsewhere, (membership, owners))) = Box::pin(reads).await?;
    let Some(head) = head else { return Ok(None) };
    let absent = || Error::new(ErrorKind::Decode, "the connected role is not in pg_roles");
    let found = assemble(&head, membership.ok_or_else(absent)?, &schemas, &tables, &columns)?;
    Ok(Some(add(found, &future, &elsewhere, &owners)?))
}

fn assemble(head: &Row, membership: Membership, schemas: &[Row], tables: &[Row], columns: &[Row]) -> Result<Found> {
    let mut found = Found {
        grantee: Grantee {
            oid: head.get("role_oid")?,
            name: head.parse("role", RoleName::parse)?,
            predefined: head.get("predefined")?,
        },
        membership,
        database: holding(head)?,
        database_name: head.parse("name", DatabaseName::parse)?,
        schemas: BTreeMap::new(),
        tables: BTreeMap::new(),
        future: BTreeMap::new(),
        owners: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
    };
    for row in schemas {
        found.schemas.insert(row.parse("name", SchemaName::parse)?, holding(row)?);
    }
    for row in tables {
        let table = TableHolding {
            table: holding(row)?,
            kind: Kind::of(row.get("kind")?)?,
            of_extension: row.get("of_extension")?,
            columns: BTreeMap::new(),
            grant_options: privileges(row, "grant_options")?,
        };
        found.owners.insert(table.table.owner.clone(), row.get("owner_oid")?);
        found.tables.insert(table_name(row)?, table);
    }
    for row in columns {
        if let Some(table) = found.tables.get_mut(&table_name(row)?) {
            table.columns.insert(row.parse("column", ColumnName::parse)?, entries(row)?);
        }
    }
    Ok(found)
}

fn add(mut found: Found, future: &[Row], elsewhere: &[Row], owners: &[Row]) -> Result<Found> {
    for row in future {
        let owner = row.parse("owner", RoleName::parse)?;
        let oid = row.get("owner_oid")?;
        found.owners.insert(owner.clone(), oid);
        let schema = row.parse_optional("schema", SchemaName::parse)?;
        found.future.insert((owner, schema), (oid, privileges(row, "privileges")?));
    }
    for row in owners {
        found.owners.insert(row.parse("name", RoleName::parse)?, row.get("oid")?);
    }
    for row in elsewhere {
        let count = u64::try_from(row.get::<i64>("count")?).unwrap_or_default();
        found.elsewhere.insert(row.parse_optional("schema", SchemaName::parse)?, count);
    }
    Ok(found)
}

fn table_name(row: &Row) -> Result<TableName> {
    let schema: &str = row.get("schema")?;
    row.parse("name", |name| TableName::parse(schema, name))
}

fn holding(row: &Row) -> Result<Holding> {
    Ok(Holding { oid: row.get("oid")?, owner: row.parse("owner", RoleName::parse)?, entries: entries(row)? })
}

fn privileges(row: &Row, column: &str) -> Result<BTreeSet<TablePrivilege>> {
    Ok(row.get::<Vec<&str>>(column)?.into_iter().filter_map(TablePrivilege::parse).collect())
}

/// Rights that this layer does not know, such as TEMPORARY, are left out: nothing here gives or revokes them.
fn entries(row: &Row) -> Result<BTreeSet<Entry>> {
    let Some(rights) = row.get::<Option<Vec<&str>>>("privileges")? else { return Ok(BTreeSet::new()) };
    let (grantors, grantable): (Vec<&str>, Vec<bool>) = (row.get("grantors")?, row.get("grantable")?);
    let mut entries = BTreeSet::new();
    for ((right, grantor), grantable) in rights.into_iter().zip(grantors).zip(grantable) {
        let Some(right) = Right::parse(right) else { continue };
        let grantor = RoleName::parse(grantor).map_err(|e| Error::new(ErrorKind::Decode, e.to_string()))?;
        entries.insert(Entry { right, grantor, grantable });
    }
    Ok(entries)
}
