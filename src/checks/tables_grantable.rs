//! Only the owner of a table, or a member of that role, may give privileges on it: from others the server takes a GRANT
//! for nothing.

use std::collections::BTreeSet;

use super::{Check, Level};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::path::AttributePath;
use crate::postgres::table::Tables;
use crate::postgres::{RoleName, TableName};

/// The rule.
pub const CHECK: Check = Check {
    id: "tables_grantable",
    level: Level::Warning,
    rule: "The connecting role owns the tables that it gives privileges on, or is a member of their owner.",
};

/// Judges the tables on which something is to be given. `may_act_for` are the roles that the writer may act for.
pub fn check(
    tables: &Tables,
    names: &BTreeSet<TableName>,
    writer: &RoleName,
    may_act_for: &BTreeSet<RoleName>,
    at: &AttributePath,
) -> Option<Diagnostic> {
    let others: Vec<String> = names
        .iter()
        .filter_map(|name| tables.get(name))
        .filter(|it| !may_act_for.contains(&it.owner))
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
    fn only_tables_of_roles_out_of_reach_are_named() {
        let role = |name: &str| RoleName::parse(name).unwrap();
        let tables: Tables = [table("a")].into_iter().collect();
        let judge = |name: &str, may: &[&str]| {
            let names = [TableName::parse("public", name).unwrap()].into();
            let may = may.iter().map(|it| role(it)).collect();
            check(&tables, &names, &role("writer"), &may, &AttributePath::root())
        };
        assert!(judge("a", &["writer", "owner"]).is_none());
        assert!(judge("not_there", &["writer"]).is_none());
        let warning = judge("a", &["writer"]).unwrap();
        assert!(warning.detail.contains("`public.a` (of `owner`)"), "{}", warning.detail);
    }
}
