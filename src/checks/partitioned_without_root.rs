//! Changes of a partitioned table arrive under the names of its partitions, unless they are published via its root.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, named};
use crate::postgres::TableName;
use crate::postgres::table::{Kind, Tables};

pub(crate) const CHECK: Check = Check {
    id: "partitioned_without_root",
    level: Level::Warning,
    rule: "A partitioned table is published with `publish_via_partition_root`, or its consumer knows the partitions by name.",
};

/// Checks the named tables.
pub(crate) fn check(
    tables: &Tables,
    names: &BTreeSet<TableName>,
    via_partition_root: bool,
    at: &AttributePath,
) -> Option<Diagnostic> {
    if via_partition_root {
        return None;
    }
    let partitioned: Vec<String> = names
        .iter()
        .filter_map(|it| tables.get(it))
        .filter(|it| it.kind == Kind::Partitioned)
        .map(|it| format!("`{}`", it.name))
        .collect();
    if partitioned.is_empty() {
        return None;
    }
    let detail = format!(
        "Partitioned: {}. Their changes are sent as changes of the partitions, so the consumer must have tables of those \
         names.\n\nSet `publish_via_partition_root = true` to send them as changes of the partitioned table.",
        named(&partitioned)
    );
    Some(CHECK.warning("Partitioned tables are published as their partitions", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;
    use crate::postgres::table::Table;

    #[test]
    fn only_partitioned_tables_without_root() {
        let tables: Tables =
            [table("plain"), Table { kind: Kind::Partitioned, ..table("parts") }].into_iter().collect();
        for (name, root, warned) in
            [("plain", false, false), ("parts", false, true), ("parts", true, false), ("absent", false, false)]
        {
            let names = [TableName::parse("public", name).unwrap()].into();
            assert_eq!(check(&tables, &names, root, &AttributePath::root()).is_some(), warned, "{name} {root}");
        }
    }
}
