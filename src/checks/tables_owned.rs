//! Only the owner of a table, or a role that has the owner's privileges, may publish it or set its identity.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, named};
use crate::postgres::membership::Membership;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{RoleName, TableName};

pub(crate) const CHECK: Check = Check {
    id: "tables_owned",
    level: Level::Warning,
    rule: "The connecting role owns the tables that it publishes or whose identity it sets, or has the privileges of their owner.",
};

/// Those of the named tables that another role owns: for these it is worth asking what the connecting role is a member of.
pub(crate) fn of_others<'a>(tables: &'a Tables, names: &BTreeSet<TableName>, role: &RoleName) -> Vec<&'a Table> {
    names.iter().filter_map(|it| tables.get(it)).filter(|it| it.owner != *role).collect()
}

/// Checks the tables of other owners.
pub(crate) fn check(of_others: &[&Table], connecting: &Membership, at: &AttributePath) -> Option<Diagnostic> {
    let foreign: Vec<String> = of_others
        .iter()
        .filter(|it| !connecting.superuser && !connecting.acts_for(&it.owner))
        .map(|it| format!("`{}` (owner: `{}`)", it.name, it.owner))
        .collect();
    if foreign.is_empty() {
        return None;
    }
    let detail = format!(
        "The provider connects as `{}`, which does not own {}. The apply fails, unless that changes.\n\nSet `connect_as` to the \
         owner, or make the connecting role a member of it.",
        connecting.role,
        named(&foreign)
    );
    Some(CHECK.warning("The connecting role does not own the tables", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;

    #[test]
    fn owners_and_superusers_may() {
        let tables: Tables = [table("a")].into_iter().collect();
        let names = [TableName::parse("public", "a").unwrap()].into();
        let of = |name: &str| Membership::of(RoleName::parse(name).unwrap());
        let mut superuser = of("other");
        superuser.superuser = true;
        for (who, refused) in [(of("owner"), false), (of("other"), true), (superuser, false)] {
            let foreign = of_others(&tables, &names, &who.role);
            assert_eq!(check(&foreign, &who, &AttributePath::root()).is_some(), refused, "{who:?}");
        }
    }
}
