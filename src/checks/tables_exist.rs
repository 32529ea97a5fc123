//! A table that a publication lists, or whose identity is set, is there.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, named};
use crate::postgres::TableName;
use crate::postgres::table::Tables;

pub(crate) const CHECK: Check = Check {
    id: "tables_exist",
    level: Level::Warning,
    rule: "A table that is named exists, or something in the same run creates it.",
};

/// Checks the named tables.
pub(crate) fn check(tables: &Tables, names: &BTreeSet<TableName>, at: &AttributePath) -> Option<Diagnostic> {
    let missing: Vec<String> = names.iter().filter(|it| tables.get(it).is_none()).map(|it| format!("`{it}`")).collect();
    let summary = match missing.as_slice() {
        [] => return None,
        [one] => format!("Table {one} does not exist"),
        more => format!("{} tables do not exist", more.len()),
    };
    let detail = format!(
        "Not found in the database: {}. The apply fails, unless something in this run creates them first: then add `depends_on`. If a \
         table was renamed, use its new name. Names are case-sensitive. A table without `schema` is in `public`.",
        named(&missing)
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
        assert_eq!(judge(&["a", "A"]).as_deref(), Some("Table `public.A` does not exist"));
        assert_eq!(judge(&["b", "c"]).as_deref(), Some("2 tables do not exist"));
    }
}
