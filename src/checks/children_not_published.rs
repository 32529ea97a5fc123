//! A listed table is published alone: rows of the tables that inherit from it are not.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{self, Check, Level, named};
use crate::postgres::TableName;
use crate::postgres::table::Tables;

pub(crate) const CHECK: Check = Check {
    id: "children_not_published",
    level: Level::Warning,
    rule: "The tables that inherit from a published table are listed too: a publication sends the rows of the listed table only.",
};

/// Checks the listed tables. Partitions do not count: they are published with their table.
pub(crate) fn check(tables: &Tables, names: &BTreeSet<TableName>, at: &AttributePath) -> Option<Diagnostic> {
    let lines: Vec<String> = names
        .iter()
        .filter_map(|it| tables.get(it))
        .filter_map(|it| {
            let left_out: Vec<String> = it
                .inherited_by
                .iter()
                .filter(|child| !names.contains(child))
                .map(|child| format!("`{child}`"))
                .collect();
            (!left_out.is_empty()).then(|| format!("- `{}` is inherited by {}", it.name, named(&left_out)))
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let detail = format!(
        "A publication sends the rows of the listed tables only, not those of tables that inherit from them:\n{}\n\nTo publish \
         them, list them in `tables`.",
        check::lines(&lines)
    );
    Some(CHECK.warning("Inheriting tables are not published", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;
    use crate::postgres::table::Table;

    #[test]
    fn children_are_named_unless_they_are_listed() {
        let name = |text: &str| TableName::parse("public", text).unwrap();
        let parent = Table { inherited_by: [name("kid")].into(), ..table("par") };
        let tables: Tables = [parent, table("kid"), table("other")].into_iter().collect();
        let said = |names: &[&str]| check(&tables, &names.iter().map(|it| name(it)).collect(), &AttributePath::root());
        assert!(said(&["par"]).unwrap().detail.contains("- `public.par` is inherited by `public.kid`"));
        assert_eq!(said(&["par", "kid"]), None);
        assert_eq!(said(&["other"]), None);
    }
}
