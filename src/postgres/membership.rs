//! For whom a role can act: whose privileges it has, through whatever chain of memberships.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Connection;
use super::error::Result;
use super::names::RoleName;
use super::row::Param;
use super::sql::Statement;
use crate::sql;

/// What memberships allow a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) role: RoleName,
    /// It is a superuser, who acts for everyone.
    pub(crate) superuser: bool,
    acts_for: BTreeSet<RoleName>,
    may_set_defaults_for: BTreeSet<RoleName>,
}

impl Membership {
    /// One that has no memberships.
    #[cfg(test)]
    pub(crate) fn of(role: RoleName) -> Self {
        let itself = BTreeSet::from([role.clone()]);
        Self { role, superuser: false, acts_for: itself.clone(), may_set_defaults_for: itself }
    }

    /// Whether it has that role's privileges, so that it counts as owner of what that role owns. ADMIN alone is not enough (16+, who created
    /// a role by SQL has no more), nor is membership without INHERIT.
    pub(crate) fn acts_for(&self, role: &RoleName) -> bool {
        self.acts_for.contains(role)
    }

    /// Whether it may set default privileges for that role (42501 otherwise).
    pub(crate) fn may_set_defaults_for(&self, role: &RoleName) -> bool {
        self.may_set_defaults_for.contains(role)
    }
}

/// Reads those of `who`, or of the connected role; `None` if there is no such role. Up to version 15 default privileges ask for membership
/// alone, from 16 on for the privileges.
pub(crate) async fn read(connection: &Connection, who: Option<&RoleName>) -> Result<Option<Membership>> {
    const READ: &str = "
SELECT w.rolname::text AS role, w.rolsuper,
       ARRAY(SELECT o.rolname::text FROM pg_roles o WHERE pg_has_role(w.oid, o.oid, 'USAGE')) AS acts_for,
       ARRAY(SELECT o.rolname::text FROM pg_roles o WHERE pg_has_role(w.oid, o.oid, $2)) AS may_set_defaults_for
FROM pg_roles w WHERE w.rolname = coalesce($1::text, current_user)";
    let right = if connection.version().defaults_need_privileges_of_owner() { "USAGE" } else { "MEMBER" };
    let params = [Param::OptionalText(who.map(RoleName::as_str)), Param::Text(right)];
    let row = connection.fetch_optional(READ, &params).await?;
    row.map(|row| {
        Ok(Membership {
            role: row.parse("role", RoleName::parse)?,
            superuser: row.get("rolsuper")?,
            acts_for: row.parse_set("acts_for", RoleName::parse)?,
            may_set_defaults_for: row.parse_set("may_set_defaults_for", RoleName::parse)?,
        })
    })
    .transpose()
}

/// Who may make other roles members of these: a role with the ADMIN option; up to version 15 also the role itself and whoever has CREATEROLE
/// (manual, GRANT and CREATE ROLE). Superusers, who always may, are not listed.
pub(crate) async fn admins(
    connection: &Connection,
    roles: &BTreeSet<RoleName>,
) -> Result<BTreeMap<RoleName, BTreeSet<RoleName>>> {
    const READ: &str = "
SELECT o.rolname::text AS role,
       ARRAY(SELECT m.rolname::text FROM pg_roles m
             WHERE NOT m.rolsuper AND m.rolname !~ '^pg_'
                   AND (EXISTS (SELECT FROM pg_auth_members a WHERE a.roleid = o.oid AND a.member = m.oid AND a.admin_option)
                        OR (current_setting('server_version_num')::int4 < 160000 AND (m.oid = o.oid OR m.rolcreaterole)))) AS admins
FROM pg_roles o WHERE o.rolname = ANY ($1::text[])";
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    let rows = connection.fetch(READ, &[Param::Texts(&names)]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("role", RoleName::parse)?, row.parse_set("admins", RoleName::parse)?)))
        .collect()
}

/// Makes a role a member of another one, which gives it that role's privileges.
pub(crate) fn grant(group: &RoleName, member: &RoleName) -> Statement {
    sql!("GRANT {} TO {}", group, member)
}
