//! Roles: attributes, what they own anywhere in the cluster, and which objects have them in an ACL.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::error::Result;
use super::names::{DatabaseName, RoleName};
use super::role_settings::{self, Settings};
use super::row::{Param, Row};

/// A role and its attributes (`pg_roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "they are the attributes that Postgres has"
)]
pub(crate) struct Role {
    pub(crate) oid: u32,
    pub(crate) name: RoleName,
    pub(crate) superuser: bool,
    pub(crate) login: bool,
    /// REPLICATION: not inherited through membership.
    pub(crate) replication: bool,
    pub(crate) bypass_rls: bool,
    pub(crate) create_role: bool,
    pub(crate) create_db: bool,
    /// Roles it is a direct member of, sorted.
    pub(crate) member_of: Vec<RoleName>,
    /// Its settings for all databases.
    pub(crate) settings: Settings,
}

macro_rules! select_roles {
    ($which:literal) => {
        concat!(
            "
SELECT r.oid, r.rolname::text AS name, r.rolsuper, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY 1) AS member_of,
       coalesce(r.rolconfig, '{}') AS settings
FROM pg_roles r
WHERE ",
            $which
        )
    };
}

const READ: &str = select_roles!("r.rolname = $1");
/// Names with `pg_` are reserved for predefined roles (manual, 21.5).
const READ_ALL: &str = select_roles!("r.rolname !~ '^pg_'");

/// Reads one; `None` if there is no such role.
pub(crate) async fn read(connection: &Connection, name: &RoleName) -> Result<Option<Role>> {
    connection.fetch_optional(READ, &[Param::Text(name.as_str())]).await?.as_ref().map(from_row).transpose()
}

/// Reads all of the cluster by name, except predefined ones.
pub(crate) async fn read_all(connection: &Connection) -> Result<BTreeMap<RoleName, Role>> {
    let rows = connection.fetch(READ_ALL, &[]).await?;
    rows.iter().map(|row| from_row(row).map(|role| (role.name.clone(), role))).collect()
}

fn from_row(row: &Row) -> Result<Role> {
    let mut member_of = Vec::new();
    for group in row.get::<Vec<String>>("member_of")? {
        member_of.extend(RoleName::try_from(group).ok());
    }
    Ok(Role {
        oid: row.get("oid")?,
        name: row.parse("name", RoleName::parse)?,
        superuser: row.get("rolsuper")?,
        login: row.get("rolcanlogin")?,
        replication: row.get("rolreplication")?,
        bypass_rls: row.get("rolbypassrls")?,
        create_role: row.get("rolcreaterole")?,
        create_db: row.get("rolcreatedb")?,
        member_of,
        settings: role_settings::from_texts(&row.get::<Vec<String>>("settings")?),
    })
}

/// How a role is tied to an object (`pg_shdepend.deptype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tie {
    /// It owns the object: stands in the way of a drop.
    Owner,
    /// It is named in the object's ACL, default privileges included.
    Privilege,
    /// A row security policy applies to it by name: `DROP OWNED` removes it there.
    Policy,
}

/// Objects of one database that are tied to a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependants {
    /// The database; `None` for objects of the whole cluster, such as databases.
    pub(crate) database: Option<DatabaseName>,
    /// How they are tied.
    pub(crate) tie: Tie,
    /// How many there are.
    pub(crate) count: u64,
    /// The first ten, as `table public.t`; only for the connected database and the cluster, others cannot be looked into from here.
    pub(crate) first: Vec<String>,
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
WHERE r.rolname = $1 AND s.deptype IN ('o', 'a', 'r')
GROUP BY 1, 2
ORDER BY 1 NULLS FIRST, 2";

/// What depends on a role, in all databases.
pub(crate) async fn dependants(connection: &Connection, name: &RoleName) -> Result<Vec<Dependants>> {
    let rows = connection.fetch(DEPENDANTS, &[Param::Text(name.as_str())]).await?;
    rows.iter()
        .map(|row| {
            Ok(Dependants {
                database: row.parse_optional("database", DatabaseName::parse)?,
                tie: match row.get::<&str>("deptype")? {
                    "o" => Tie::Owner,
                    "r" => Tie::Policy,
                    _ => Tie::Privilege,
                },
                count: u64::try_from(row.get::<i64>("count")?).unwrap_or_default(),
                first: row.get("first")?,
            })
        })
        .collect()
}

/// Privileges that prevent dropping a role: `DROP OWNED` revokes what the owner of an object granted, and leaves what
/// another role granted by its grant option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ForeignGrant {
    /// As in `TABLE s.t`, quoted.
    pub(crate) object: String,
    pub(crate) grantor: RoleName,
    /// The statement that revokes it, for the grantor to run.
    pub(crate) revoke: String,
}

// Tables of `public` are left out: Neon revokes there as each grantor (`pre_drop_role_revoke_privileges.sql` in
// `compute_tools/src/sql` of neondatabase/neon).
const FOREIGN_GRANTS: &str = "
WITH held AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, format('%I.%I', n.nspname, c.relname) AS object,
           '' AS columns, c.relowner AS owner, c.relacl AS acl, n.nspname = 'public' AND c.relkind <> 'S' AS is_revoked
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT 'TABLE', format('%I.%I', n.nspname, c.relname), format(' (%I)', a.attname), c.relowner, a.attacl, n.nspname = 'public'
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), '', nspowner, nspacl, false FROM pg_namespace WHERE nspacl IS NOT NULL
    UNION ALL
    SELECT 'ROUTINE', oid::regprocedure::text, '', proowner, proacl, false FROM pg_proc WHERE proacl IS NOT NULL
    UNION ALL
    SELECT 'DATABASE', quote_ident(datname), '', datdba, datacl, false FROM pg_database WHERE datacl IS NOT NULL
)
SELECT h.kind || ' ' || h.object AS object, pg_get_userbyid(a.grantor)::text AS grantor,
       format('REVOKE %s ON %s %s FROM %I', string_agg(a.privilege_type || h.columns, ', ' ORDER BY a.privilege_type, h.columns),
              h.kind, h.object, r.rolname) AS revoke
FROM held h CROSS JOIN LATERAL aclexplode(h.acl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE r.rolname = $1 AND a.grantor <> h.owner AND h.owner <> r.oid AND NOT h.is_revoked
GROUP BY h.kind, h.object, a.grantor, r.rolname
ORDER BY 1, 2";

/// Privileges of the role in the connected database that another role than the owner granted.
pub(crate) async fn foreign_grants(connection: &Connection, name: &RoleName) -> Result<Vec<ForeignGrant>> {
    let rows = connection.fetch(FOREIGN_GRANTS, &[Param::Text(name.as_str())]).await?;
    rows.iter()
        .map(|row| {
            Ok(ForeignGrant {
                object: row.get("object")?,
                grantor: row.parse("grantor", RoleName::parse)?,
                revoke: row.get("revoke")?,
            })
        })
        .collect()
}
