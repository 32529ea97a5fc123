//! Only the owner of a table, or a member of that role, may publish it or set its identity.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::role::Role;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{RoleName, TableName};

/// The rule.
pub const CHECK: Check = Check {
    id: "tables_owned",
    level: Level::Warning,
    rule: "The connecting role owns the tables that it publishes or whose identity it sets, or is a member of their owner.",
};

/// Those of the named tables that another role owns: for these it is worth asking what the connecting role is a member of.
pub fn of_others<'a>(tables: &'a Tables, names: &BTreeSet<TableName>, role: &RoleName) -> Vec<&'a Table> {
    names.iter().filter_map(|it| tables.get(it)).filter(|it| it.owner != *role).collect()
}

/// Judges the tables of other owners.
pub fn check(of_others: &[&Table], role: &Role, at: &AttributePath) -> Option<Diagnostic> {
    let foreign: Vec<String> = of_others
        .iter()
        .filter(|it| !role.superuser && !role.member_of.contains(&it.owner))
        .map(|it| format!("`{}` (of `{}`)", it.name, it.owner))
        .collect();
    if foreign.is_empty() {
        return None;
    }
    let detail = format!(
        "The provider connects as `{}`, which does not own {}. The server will refuse unless that changes.\n\n\
         Name the owner in `connect_as`, or make `{}` a member of it.",
        role.name,
        foreign.join(", "),
        role.name
    );
    Some(CHECK.warning("The connecting role does not own the tables", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;

    fn role(name: &str, superuser: bool, member_of: &[&str]) -> Role {
        Role {
            oid: 1,
            name: RoleName::parse(name).unwrap(),
            superuser,
            login: true,
            replication: true,
            bypass_rls: false,
            create_role: false,
            create_db: false,
            member_of: member_of.iter().map(|it| RoleName::parse(it).unwrap()).collect(),
        }
    }

    #[test]
    fn owners_members_and_superusers_may() {
        let tables: Tables = [table("a")].into_iter().collect();
        let names = [TableName::parse("public", "a").unwrap()].into();
        for (who, refused) in [
            (role("owner", false, &[]), false),
            (role("other", false, &[]), true),
            (role("other", false, &["third"]), true),
            (role("other", false, &["owner"]), false),
            (role("other", true, &[]), false),
        ] {
            let foreign = of_others(&tables, &names, &who.name);
            assert_eq!(check(&foreign, &who, &AttributePath::root()).is_some(), refused, "{who:?}");
        }
    }
}
