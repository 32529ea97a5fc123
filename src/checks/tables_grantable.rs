//! Only the owner of a table, a member of that role, or who has a grant option may give privileges on it: from others the
//! server takes a GRANT for nothing.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{RoleName, TableName};

/// The rule.
pub const CHECK: Check = Check {
    id: "tables_grantable",
    level: Level::Warning,
    rule: "The connecting role owns the tables that it gives privileges on, is a member of their owner, or has a grant option.",
};

/// Tables that the writer does not own, not even as a member: for these it is worth asking for grant options.
pub fn of_others<'a>(
    tables: &'a Tables,
    names: &BTreeSet<TableName>,
    may_act_for: &BTreeSet<RoleName>,
) -> Vec<&'a Table> {
    names.iter().filter_map(|name| tables.get(name)).filter(|it| !may_act_for.contains(&it.owner)).collect()
}

/// Judges these tables by the writer's grant options.
pub fn check(
    of_others: &[&Table],
    options: &BTreeMap<TableName, BTreeSet<TablePrivilege>>,
    privileges: &BTreeSet<TablePrivilege>,
    writer: &RoleName,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let others: Vec<String> = of_others
        .iter()
        .filter(|it| !options.get(&it.name).is_some_and(|options| options.is_superset(privileges)))
        .map(|it| format!("`{}` (of `{}`)", it.name, it.owner))
        .collect();
    if others.is_empty() {
        return None;
    }
    let detail = format!(
        "The provider connects as `{writer}`, which may not give privileges on {}. The apply will refuse unless that changes.\n\n\
         Name the owner in `connect_as`, make `{writer}` a member of it, or leave these tables out.",
        others.join(", ")
    );
    Some(CHECK.warning("The connecting role cannot give the privileges", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;

    #[test]
    fn owners_members_and_holders_of_grant_options_may() {
        let role = |name: &str| RoleName::parse(name).unwrap();
        let tables: Tables = [table("a")].into_iter().collect();
        let name = |name: &str| TableName::parse("public", name).unwrap();
        let select = BTreeSet::from([TablePrivilege::Select]);
        let judge = |table: &str, may: &[&str], options: &[TablePrivilege]| {
            let may = may.iter().map(|it| role(it)).collect();
            let others = of_others(&tables, &[name(table)].into(), &may);
            let options = [(name("a"), options.iter().copied().collect())].into();
            check(&others, &options, &select, &role("writer"), &AttributePath::root())
        };
        assert!(judge("a", &["writer", "owner"], &[]).is_none());
        assert!(judge("not_there", &["writer"], &[]).is_none());
        assert!(judge("a", &["writer"], &[TablePrivilege::Select, TablePrivilege::Insert]).is_none());
        assert!(judge("a", &["writer"], &[TablePrivilege::Insert]).is_some());
        let warning = judge("a", &["writer"], &[]).unwrap();
        assert!(warning.detail.contains("`public.a` (of `owner`)"), "{}", warning.detail);
    }
}
