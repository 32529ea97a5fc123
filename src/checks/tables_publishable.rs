//! What a publication lists is a table that can be published: no view, no foreign, unlogged or system table.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, lines};
use crate::postgres::TableName;
use crate::postgres::table::Tables;

pub(crate) const CHECK: Check = Check {
    id: "tables_publishable",
    level: Level::Warning,
    rule: "A listed table can be published: views, materialized views, foreign, temporary, unlogged and system tables cannot.",
};

/// Checks the named tables; those that are not there are another check's.
pub(crate) fn check(tables: &Tables, names: &BTreeSet<TableName>, at: &AttributePath) -> Option<Diagnostic> {
    let found = names.iter().filter_map(|it| tables.get(it));
    let list: Vec<String> =
        found.filter_map(|it| Some(format!("- `{}`: {}", it.name, it.why_not_publishable()?))).collect();
    if list.is_empty() {
        return None;
    }
    let detail = format!("The server will refuse to publish:\n{}\n\nRemove them from `tables`.", lines(&list));
    Some(CHECK.warning("Some tables cannot be published", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;
    use crate::postgres::table::{Kind, Table};

    #[test]
    fn each_kind_that_cannot_be_published_is_named() {
        let tables: Tables = [
            table("ordinary"),
            Table { kind: Kind::Partitioned, ..table("partitioned") },
            Table { kind: Kind::View, ..table("view") },
            Table { is_permanent: false, ..table("unlogged") },
        ]
        .into_iter()
        .collect();
        for (name, refused) in
            [("ordinary", false), ("partitioned", false), ("view", true), ("unlogged", true), ("absent", false)]
        {
            let names = [TableName::parse("public", name).unwrap()].into();
            assert_eq!(check(&tables, &names, &AttributePath::root()).is_some(), refused, "{name}");
        }
    }
}
