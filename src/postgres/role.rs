//! Roles: attributes, what they own anywhere in the cluster, and which objects have them in an ACL.

use super::connection::Connection;
use super::error::Result;
use super::names::{DatabaseName, RoleName};
use super::row::Param;

/// A role and its attributes (`pg_roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the attributes that Postgres has")]
pub struct Role {
    /// Its oid.
    pub oid: u32,
    /// Its name.
    pub name: RoleName,
    /// SUPERUSER.
    pub superuser: bool,
    /// LOGIN.
    pub login: bool,
    /// REPLICATION: not inherited through membership.
    pub replication: bool,
    /// BYPASSRLS.
    pub bypass_rls: bool,
    /// CREATEROLE.
    pub create_role: bool,
    /// CREATEDB.
    pub create_db: bool,
    /// Roles it is a direct member of, sorted.
    pub member_of: Vec<RoleName>,
}

const READ: &str = "
SELECT r.oid, r.rolname::text AS name, r.rolsuper, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY 1) AS member_of
FROM pg_roles r
WHERE r.rolname = $1";

/// Reads one; `None` if there is no such role.
pub async fn read(connection: &Connection, name: &RoleName) -> Result<Option<Role>> {
    let Some(row) = connection.fetch_optional(READ, &[Param::Text(name.as_str())]).await? else {
        return Ok(None);
    };
    let mut member_of = Vec::new();
    for group in row.get::<Vec<String>>("member_of")? {
        member_of.extend(RoleName::try_from(group).ok());
    }
    Ok(Some(Role {
        oid: row.get("oid")?,
        name: row.parse("name", RoleName::parse)?,
        superuser: row.get("rolsuper")?,
        login: row.get("rolcanlogin")?,
        replication: row.get("rolreplication")?,
        bypass_rls: row.get("rolbypassrls")?,
        create_role: row.get("rolcreaterole")?,
        create_db: row.get("rolcreatedb")?,
        member_of,
    }))
}

/// How a role is tied to an object (`pg_shdepend.deptype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// It owns the object: stands in the way of a drop.
    Owner,
    /// It is named in the object's ACL, default privileges included.
    Privilege,
}

/// Objects of one database that are tied to a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependants {
    /// The database; `None` for objects of the whole cluster, such as databases.
    pub database: Option<DatabaseName>,
    /// How they are tied.
    pub tie: Tie,
    /// How many there are.
    pub count: u64,
    /// The first ten, as `table public.t`; only for the connected database and the cluster, others cannot be looked into from here.
    pub first: Vec<String>,
}

// Not tied to the connected database: `pg_shdepend` is shared, and one connection sees the rows of all databases.
const DEPENDANTS: &str = "
SELECT d.datname::text AS database, s.deptype::text AS deptype, count(*) AS count,
       coalesce((array_agg(o.type || ' ' || o.identity ORDER BY o.type, o.identity)
                 FILTER (WHERE o.identity IS NOT NULL))[1:10], '{}') AS first
FROM pg_shdepend s
     JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
     LEFT JOIN pg_database d ON d.oid = s.dbid
     LEFT JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) o ON s.dbid = 0 OR d.datname = current_database()
WHERE r.rolname = $1 AND s.deptype IN ('o', 'a')
GROUP BY 1, 2
ORDER BY 1 NULLS FIRST, 2";

/// What depends on a role, in all databases.
pub async fn dependants(connection: &Connection, name: &RoleName) -> Result<Vec<Dependants>> {
    let rows = connection.fetch(DEPENDANTS, &[Param::Text(name.as_str())]).await?;
    rows.iter()
        .map(|row| {
            Ok(Dependants {
                database: row.parse_optional("database", DatabaseName::parse)?,
                tie: if row.get::<&str>("deptype")? == "o" { Tie::Owner } else { Tie::Privilege },
                count: u64::try_from(row.get::<i64>("count")?).unwrap_or_default(),
                first: row.get("first")?,
            })
        })
        .collect()
}
