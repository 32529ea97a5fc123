//! A table that a publication lists, or whose identity is set, is there.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::TableName;
use crate::postgres::table::Tables;

/// The rule.
pub(crate) const CHECK: Check = Check {
    id: "tables_exist",
    level: Level::Warning,
    rule: "A table that is named is there, or something in the same run makes it.",
};

/// Judges the named tables.
pub(crate) fn check(tables: &Tables, names: &BTreeSet<TableName>, at: &AttributePath) -> Option<Diagnostic> {
    let missing: Vec<String> = names.iter().filter(|it| tables.get(it).is_none()).map(|it| format!("`{it}`")).collect();
    let summary = match missing.as_slice() {
        [] => return None,
        [one] => format!("Table {one} is not there"),
        more => format!("{} tables are not there", more.len()),
    };
    let detail = format!(
        "Not found: {}. If something else in this run makes them, see that it comes first (`depends_on`): else the apply \
         fails. Names are taken as they are written, with capitals.",
        missing.join(", ")
    );
    Some(CHECK.warning(summary, detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;

    #[test]
    fn only_missing_tables_are_named() {
        let tables: Tables = [table("a")].into_iter().collect();
        let judge = |names: &[&str]| {
            let names = names.iter().map(|it| TableName::parse("public", it).unwrap()).collect();
            check(&tables, &names, &AttributePath::root()).map(|it| it.summary)
        };
        assert_eq!(judge(&["a"]), None);
        assert_eq!(judge(&["a", "A"]).as_deref(), Some("Table `public.A` is not there"));
        assert_eq!(judge(&["b", "c"]).as_deref(), Some("2 tables are not there"));
    }
}
