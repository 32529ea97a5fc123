//! Statements that create, alter and empty a role, and what a role has beyond what is wanted of it.

use std::collections::BTreeSet;

use super::connection::Connection;
use super::error::Result;
use super::names::RoleName;
use super::role::Role;
use super::role_settings::{self, SettingName, Settings};
use super::row::Param;
use super::sql::{Fragment, Keyword, SecretLiteral, Statement};
use crate::secret::Secret;
use crate::sql;

/// What a role should have. It may always log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) replication: bool,
    pub(crate) bypass_rls: bool,
    /// Groups it should be a member of. Other memberships are left alone.
    pub(crate) member_of: BTreeSet<RoleName>,
    /// Settings it should have. Others are left alone.
    pub(crate) settings: Settings,
}

/// How a server gives the right to replicate to roles that are no superusers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplicationBy {
    /// The attribute REPLICATION.
    Attribute,
    /// Membership of `rds_replication`: Amazon RDS and Aurora let nobody set the attribute (Amazon RDS User Guide, "Performing
    /// logical replication for Amazon RDS for PostgreSQL").
    Membership,
}

const RDS_REPLICATION: &str = "rds_replication";
const NEON_SUPERUSER: &str = "neon_superuser";

/// How the connected role may give the right to replicate. A superuser can always set the attribute.
pub(crate) async fn replication_by(connection: &Connection) -> Result<ReplicationBy> {
    const READ: &str = "
SELECT NOT r.rolsuper AND EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS by_membership
FROM pg_roles r WHERE r.rolname = current_user";
    let row = connection.fetch_one(READ, &[Param::Text(RDS_REPLICATION)]).await?;
    Ok(if row.get("by_membership")? { ReplicationBy::Membership } else { ReplicationBy::Attribute })
}

impl Role {
    /// Whether it may replicate.
    pub(crate) fn replicates(&self, by: ReplicationBy) -> bool {
        self.replication || (by == ReplicationBy::Membership && self.is_member(RDS_REPLICATION))
    }

    fn is_member(&self, group: &str) -> bool {
        self.member_of.iter().any(|it| it.as_str() == group)
    }

    /// What it has that is not wanted, in the words of `ALTER ROLE`. LOGIN that it lacks is among them.
    pub(crate) fn surplus(&self, wanted: &Wanted, by: ReplicationBy) -> BTreeSet<String> {
        let attributes = self.differing(wanted, by).into_iter().filter(|it| it.is_surplus).map(|it| it.has.to_owned());
        let groups =
            [(NEON_SUPERUSER, true), (RDS_REPLICATION, !wanted.replication && by == ReplicationBy::Membership)];
        let groups = groups.into_iter().filter(|(group, unwanted)| {
            *unwanted && self.is_member(group) && !wanted.member_of.iter().any(|it| it.as_str() == *group)
        });
        attributes.chain(groups.map(|(group, _)| format!("MEMBER OF {group}"))).collect()
    }

    fn differing(&self, wanted: &Wanted, by: ReplicationBy) -> Vec<Differing> {
        let sets_replication = by == ReplicationBy::Attribute || self.replication;
        let replication = if sets_replication { wanted.replication } else { self.replication };
        [
            (self.superuser, false, "SUPERUSER", "NOSUPERUSER"),
            (self.create_role, false, "CREATEROLE", "NOCREATEROLE"),
            (self.create_db, false, "CREATEDB", "NOCREATEDB"),
            (self.replication, replication, "REPLICATION", "NOREPLICATION"),
            (self.bypass_rls, wanted.bypass_rls, "BYPASSRLS", "NOBYPASSRLS"),
        ]
        .into_iter()
        .filter(|(has, wanted, ..)| has != wanted)
        .map(|(has, _, yes, no)| {
            let (has_word, set) = if has { (yes, no) } else { (no, yes) };
            Differing { is_surplus: has, has: has_word, set }
        })
        .chain((!self.login).then_some(Differing { is_surplus: true, has: "NOLOGIN", set: "LOGIN" }))
        .collect()
    }
}

/// An attribute that is not as wanted: the words for what the role has, and for what sets it right.
struct Differing {
    is_surplus: bool,
    has: &'static str,
    set: &'static str,
}

/// Creates the role.
pub(crate) fn create(name: &RoleName, wanted: &Wanted, by: ReplicationBy, password: Option<&Secret>) -> Vec<Statement> {
    let by_attribute = wanted.replication && by == ReplicationBy::Attribute;
    let replication = Keyword(if by_attribute { " REPLICATION" } else { "" });
    let bypass_rls = Keyword(if wanted.bypass_rls { " BYPASSRLS" } else { "" });
    let created = if let Some(password) = password {
        sql!("CREATE ROLE {} LOGIN{}{} PASSWORD {}", name, replication, bypass_rls, SecretLiteral(password))
    } else {
        sql!("CREATE ROLE {} LOGIN{}{}", name, replication, bypass_rls)
    };
    let mut statements = vec![created];
    statements.extend(groups(wanted, by).iter().map(|group| sql!("GRANT {} TO {}", group, name)));
    statements.extend(role_settings::alter(name, &Settings::new(), &wanted.settings, &BTreeSet::new()));
    statements
}

/// What was declared before, and is taken from the role where it no longer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Former {
    pub(crate) groups: BTreeSet<RoleName>,
    pub(crate) settings: BTreeSet<SettingName>,
}

/// Sets right what differs, and nothing else: Postgres checks the right to change each attribute that is named.
pub(crate) fn alter(
    found: &Role,
    wanted: &Wanted,
    by: ReplicationBy,
    password: Option<&Secret>,
    former: &Former,
) -> Vec<Statement> {
    let name = &found.name;
    let mut statements = Vec::new();
    for it in found.differing(wanted, by) {
        statements.push(sql!("ALTER ROLE {} {}", name, Keyword(it.set)));
    }
    if let Some(password) = password {
        statements.push(sql!("ALTER ROLE {} PASSWORD {}", name, SecretLiteral(password)));
    }
    let wanted_groups = groups(wanted, by);
    let joins = wanted_groups.iter().filter(|group| !found.is_member(group.as_str()));
    statements.extend(joins.map(|group| sql!("GRANT {} TO {}", group, name)));
    let leaves = leaves(found, wanted, by, &former.groups);
    statements.extend(leaves.iter().map(|group| sql!("REVOKE {} FROM {}", group, name)));
    statements.extend(role_settings::alter(name, &found.settings, &wanted.settings, &former.settings));
    statements
}

/// The groups that the role should leave.
pub(crate) fn leaves(
    found: &Role,
    wanted: &Wanted,
    by: ReplicationBy,
    left: &BTreeSet<RoleName>,
) -> BTreeSet<RoleName> {
    let wanted_groups = groups(wanted, by);
    let unwanted = |group: &&RoleName| {
        left.contains(*group)
            || group.as_str() == NEON_SUPERUSER
            || (group.as_str() == RDS_REPLICATION && by == ReplicationBy::Membership)
    };
    found.member_of.iter().filter(unwanted).filter(|group| !wanted_groups.contains(*group)).cloned().collect()
}

/// Memberships of the role, each with who granted it. From Postgres 16 on `REVOKE` takes away only what the connected role
/// granted, and warns (01006) where that is nothing.
pub(crate) async fn memberships(connection: &Connection, name: &RoleName) -> Result<Vec<(RoleName, RoleName)>> {
    const READ: &str = "
SELECT g.rolname::text AS joined, pg_get_userbyid(m.grantor)::text AS grantor
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
WHERE r.rolname = $1 ORDER BY 1, 2";
    let rows = connection.fetch(READ, &[Param::Text(name.as_str())]).await?;
    rows.iter().map(|row| Ok((row.parse("joined", RoleName::parse)?, row.parse("grantor", RoleName::parse)?))).collect()
}

/// Drops the role, which must not own or hold anything.
pub(crate) fn drop(name: &RoleName) -> Statement {
    sql!("DROP ROLE {}", name)
}

/// The groups that are granted.
fn groups(wanted: &Wanted, by: ReplicationBy) -> BTreeSet<RoleName> {
    let mut groups = wanted.member_of.clone();
    if wanted.replication && by == ReplicationBy::Membership {
        groups.extend(RoleName::parse(RDS_REPLICATION).ok());
    }
    groups
}

/// An object as the server itself quotes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Quoted(String);

impl Fragment for Quoted {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

// `REVOKE ALL ON TABLE` includes the privileges on columns (manual, REVOKE).
const HELD: &str = "
WITH r AS (SELECT oid FROM pg_roles WHERE rolname = $1),
held AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END || format(' %I.%I', n.nspname, c.relname) AS object, c.relacl AS acl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT format('TABLE %I.%I', n.nspname, c.relname), a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT format('SCHEMA %I', nspname), nspacl FROM pg_namespace WHERE nspacl IS NOT NULL
    UNION ALL
    SELECT 'ROUTINE ' || oid::regprocedure::text, proacl FROM pg_proc WHERE proacl IS NOT NULL
    UNION ALL
    SELECT format('DATABASE %I', datname), datacl FROM pg_database WHERE datacl IS NOT NULL
)
SELECT DISTINCT '' AS defaults, h.object FROM held h CROSS JOIN LATERAL aclexplode(h.acl) a JOIN r ON r.oid = a.grantee
UNION
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', pg_get_userbyid(d.defaclrole)) || coalesce(format(' IN SCHEMA %I', n.nspname), '') || ' ',
       CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES'
                            WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) a JOIN r ON r.oid = a.grantee
ORDER BY 1, 2";

/// Revokes one by one what the role holds in the connected database, default privileges included. Who created a role with
/// SQL has only ADMIN on it from Postgres 16 on, and `DROP OWNED BY` asks for its privileges (42501).
pub(crate) async fn revoke_all(connection: &Connection, name: &RoleName) -> Result<Vec<Statement>> {
    let rows = connection.fetch(HELD, &[Param::Text(name.as_str())]).await?;
    rows.iter()
        .map(|row| {
            let (defaults, object) = (Quoted(row.get("defaults")?), Quoted(row.get("object")?));
            Ok(sql!("{}REVOKE ALL ON {} FROM {}", defaults, object, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoleName {
        RoleName::parse(text).unwrap()
    }

    fn role(member_of: &[&str]) -> Role {
        Role {
            oid: 1,
            name: name("r"),
            superuser: false,
            login: true,
            replication: true,
            bypass_rls: false,
            create_role: false,
            create_db: false,
            member_of: member_of.iter().map(|it| name(it)).collect(),
            settings: Settings::new(),
        }
    }

    fn wanted(replication: bool, member_of: &[&str]) -> Wanted {
        let member_of = member_of.iter().map(|it| name(it)).collect();
        Wanted { replication, bypass_rls: false, member_of, settings: Settings::new() }
    }

    fn texts(statements: &[Statement]) -> Vec<&str> {
        statements.iter().map(Statement::as_sql).collect()
    }

    use ReplicationBy::{Attribute, Membership};

    #[test]
    fn a_role_has_what_is_wanted_and_no_more() {
        let password = Secret::new("it's");
        let made = create(&name("r"), &wanted(true, &["g"]), Attribute, Some(&password));
        assert_eq!(texts(&made), [r#"CREATE ROLE "r" LOGIN REPLICATION PASSWORD 'it''s'"#, r#"GRANT "g" TO "r""#]);
        assert!(!made[0].redacted().contains("it"), "{}", made[0]);
        let made = create(&name("r"), &Wanted { bypass_rls: true, ..wanted(false, &[]) }, Attribute, None);
        assert_eq!(texts(&made), [r#"CREATE ROLE "r" LOGIN BYPASSRLS"#]);
        let made = create(&name("r"), &wanted(true, &[]), Membership, None);
        assert_eq!(texts(&made), [r#"CREATE ROLE "r" LOGIN"#, r#"GRANT "rds_replication" TO "r""#]);
    }

    #[test]
    fn only_what_differs_is_altered() {
        let none = Former::default();
        assert!(alter(&role(&["others"]), &wanted(true, &[]), Attribute, None, &none).is_empty());
        let found = Role { superuser: true, create_db: true, login: false, ..role(&["g", "neon_superuser", "others"]) };
        let left = Former { groups: BTreeSet::from([name("g")]), ..Former::default() };
        assert_eq!(
            texts(&alter(&found, &wanted(false, &["h"]), Attribute, None, &left)),
            [
                r#"ALTER ROLE "r" NOSUPERUSER"#,
                r#"ALTER ROLE "r" NOCREATEDB"#,
                r#"ALTER ROLE "r" NOREPLICATION"#,
                r#"ALTER ROLE "r" LOGIN"#,
                r#"GRANT "h" TO "r""#,
                r#"REVOKE "g" FROM "r""#,
                r#"REVOKE "neon_superuser" FROM "r""#,
            ]
        );
        let surplus = found.surplus(&wanted(false, &["h"]), Attribute);
        let surplus: Vec<&str> = surplus.iter().map(String::as_str).collect();
        assert_eq!(surplus, ["CREATEDB", "MEMBER OF neon_superuser", "NOLOGIN", "REPLICATION", "SUPERUSER"]);
    }

    #[test]
    fn replication_is_a_membership_on_rds() {
        let without = Role { replication: false, ..role(&[]) };
        let none = Former::default();
        assert!(!without.replicates(Membership));
        assert_eq!(
            texts(&alter(&without, &wanted(true, &[]), Membership, None, &none)),
            [r#"GRANT "rds_replication" TO "r""#]
        );
        let with = Role { replication: false, ..role(&["rds_replication"]) };
        assert!(with.replicates(Membership) && !with.replicates(Attribute));
        assert!(with.surplus(&wanted(true, &[]), Membership).is_empty());
        assert_eq!(
            with.surplus(&wanted(false, &[]), Membership),
            BTreeSet::from(["MEMBER OF rds_replication".to_owned()])
        );
        assert_eq!(
            texts(&alter(&with, &wanted(false, &[]), Membership, None, &none)),
            [r#"REVOKE "rds_replication" FROM "r""#]
        );
        assert!(alter(&with, &wanted(true, &[]), Membership, None, &none).is_empty());
    }
}
