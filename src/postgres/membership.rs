//! For whom a role can act: whose privileges it has, through whatever chain of memberships.

use std::collections::BTreeSet;

use super::connection::Connection;
use super::error::Result;
use super::names::RoleName;
use super::row::Param;

/// What memberships allow a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The role.
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
