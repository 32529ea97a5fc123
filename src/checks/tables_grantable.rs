//! Only the owner of a table, a member of that role, or who has a grant option may grant privileges on it: a GRANT by
//! another role is refused, or does nothing.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, named};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{RoleName, TableName};

pub(crate) const CHECK: Check = Check {
    id: "tables_grantable",
    level: Level::Warning,
    rule: "The connecting role owns the tables that it grants privileges on, is a member of their owner, or has a grant option.",
};

/// Tables that the writer does not own, not even as a member: for these it is worth asking for grant options.
pub(crate) fn of_others<'a>(
    tables: &'a Tables,
    names: &BTreeSet<TableName>,
    may_act_for: &BTreeSet<RoleName>,
) -> Vec<&'a Table> {
    names.iter().filter_map(|name| tables.get(name)).filter(|it| !may_act_for.contains(&it.owner)).collect()
}

/// Checks these tables by the writer's grant options. `listed` are those that `tables` names: the others are only found
/// in a schema.
pub(crate) fn check(
    of_others: &[&Table],
    options: &BTreeMap<TableName, BTreeSet<TablePrivilege>>,
    privileges: &BTreeSet<TablePrivilege>,
    writer: &RoleName,
    listed: &BTreeSet<TableName>,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let may_not = |it: &&&Table| !options.get(&it.name).is_some_and(|options| options.is_superset(privileges));
    let others: Vec<&Table> = of_others.iter().filter(may_not).copied().collect();
    if others.is_empty() {
        return None;
    }
    let consequence = if others.iter().any(|it| listed.contains(&it.name)) {
        "The apply fails, unless that changes."
    } else {
        "The apply leaves these tables out, and the privileges stay in `missing`."
    };
    let names: BTreeSet<String> = others.iter().map(|it| format!("`{}` (owner: `{}`)", it.name, it.owner)).collect();
    let names: Vec<String> = names.into_iter().collect();
    let detail = format!(
        "The provider connects as `{writer}`, which cannot grant privileges on {}. {consequence}\n\nSet `connect_as` to the owner, \
         let the owner grant the privileges, or leave these tables out.",
        named(&names)
    );
    Some(CHECK.warning("The connecting role cannot grant the privileges", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;

    #[test]
    fn owners_members_and_holders_of_grant_options_may() {
        let role = |name: &str| RoleName::parse(name).unwrap();
        let tables: Tables = [table("a"), table("listed")].into_iter().collect();
        let name = |name: &str| TableName::parse("public", name).unwrap();
        let select = BTreeSet::from([TablePrivilege::Select]);
        let listed = BTreeSet::from([name("listed")]);
        let found = |table: &str, may: &[&str], options: &[TablePrivilege]| {
            let may = may.iter().map(|it| role(it)).collect();
            let others = of_others(&tables, &[name(table)].into(), &may);
            let options = [(name("a"), options.iter().copied().collect())].into();
            check(&others, &options, &select, &role("writer"), &listed, &AttributePath::root())
        };
        assert!(found("a", &["writer", "owner"], &[]).is_none());
        assert!(found("not_there", &["writer"], &[]).is_none());
        assert!(found("a", &["writer"], &[TablePrivilege::Select, TablePrivilege::Insert]).is_none());
        assert!(found("a", &["writer"], &[TablePrivilege::Insert]).is_some());
        let warning = found("a", &["writer"], &[]).unwrap();
        assert!(warning.detail.contains("`public.a` (owner: `owner`)"), "{}", warning.detail);
        assert!(warning.detail.contains("stay in `missing`"), "{}", warning.detail);
        let warning = found("listed", &["writer"], &[]).unwrap();
        assert!(warning.detail.contains("The apply fails"), "{}", warning.detail);
    }
}
