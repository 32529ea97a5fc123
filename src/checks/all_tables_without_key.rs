//! A publication of all tables also catches those without a key, whose updates and deletes then fail.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level, named};
use crate::postgres::publication::Operation;
use crate::postgres::table::{Kind, Tables};

pub(crate) const CHECK: Check = Check {
    id: "all_tables_without_key",
    level: Level::Warning,
    rule: "With `all_tables`, each table of the database has a usable replica identity, or updates and deletes are not published.",
};

/// Checks all tables of the database.
pub(crate) fn check(tables: &Tables, publish: &BTreeSet<Operation>, at: &AttributePath) -> Option<Diagnostic> {
    if !publish.iter().any(|it| it.needs_identity()) {
        return None;
    }
    let caught: Vec<String> = tables
        .iter()
        .filter(|it| it.kind == Kind::Table && it.why_not_publishable().is_none() && !it.has_usable_identity())
        .map(|it| format!("`{}`", it.name))
        .collect();
    if caught.is_empty() {
        return None;
    }
    let detail = format!(
        "Without a usable replica identity: {}. As soon as the publication exists, each UPDATE and DELETE of them \
         fails, for the application too (SQLSTATE 55000). The same holds for tables that are created later.\n\nGive them a primary key or a \
         `neonrep_replica_identity`, list tables instead, or leave updates and deletes out of `publish`.",
        named(&caught)
    );
    Some(CHECK.warning("All tables includes some without a replica identity", detail, at.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::table;
    use super::*;
    use crate::postgres::table::Table;

    #[test]
    fn tables_without_a_key_are_caught_when_updates_are_published() {
        let keyless = || Table { has_primary_key: false, ..table("keyless") };
        for (tables, publish, warned) in [
            (vec![table("a")], &Operation::ALL[..], false),
            (vec![table("a"), keyless()], &Operation::ALL[..], true),
            (vec![keyless()], &[Operation::Insert][..], false),
            (vec![Table { is_permanent: false, ..keyless() }], &Operation::ALL[..], false),
            (vec![Table { kind: Kind::View, ..keyless() }], &Operation::ALL[..], false),
        ] {
            let publish = publish.iter().copied().collect();
            let found = check(&tables.iter().cloned().collect(), &publish, &AttributePath::root());
            assert_eq!(found.is_some(), warned, "{tables:?} {publish:?}");
        }
    }
}
