//! A table whose updates or deletes are published needs a replica identity, or the application's own statements fail.

use std::collections::BTreeSet;

use tfplugin::{AttributePath, Diagnostic};

use super::check::{Check, Level};
use crate::postgres::publication::Operation;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{PublicationName, TableName};

/// The rule.
pub(crate) const CHECK: Check = Check {
    id: "tables_have_identity",
    level: Level::ErrorOrWarning,
    rule: "A table that is published for updates or deletes has a usable replica identity: without one, each UPDATE and \
           DELETE of the table fails for the application. An error for a table that this run publishes, unless it has a \
           `replica_identity_id`.",
};

/// A table of a publication.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Its name.
    pub table: TableName,
    /// It has a `replica_identity_id`, known or not: another resource sees to its identity.
    pub has_reference: bool,
    /// This run begins to publish its updates or deletes; else what is wrong was wrong before.
    pub is_new: bool,
}

/// Tables that hold rows of the named one, itself or its partitions, and have no usable identity. None when it is not
/// there.
pub(crate) fn unidentified<'a>(tables: &'a Tables, name: &TableName) -> Vec<&'a Table> {
    let leaves = tables.get(name).map(|it| tables.leaves(it)).unwrap_or_default();
    leaves.into_iter().filter(|it| it.why_not_publishable().is_none() && !it.has_usable_identity()).collect()
}

/// Judges the tables of a publication.
pub(crate) fn check(
    tables: &Tables,
    publication: &PublicationName,
    published: &[Published],
    publish: &BTreeSet<Operation>,
    at: &AttributePath,
) -> Vec<Diagnostic> {
    if !publish.iter().any(|it| it.needs_identity()) {
        return Vec::new();
    }
    let (mut refused, mut warned) = (BTreeSet::new(), BTreeSet::new());
    for it in published {
        let list = if it.is_new && !it.has_reference { &mut refused } else { &mut warned };
        // The reference keeps the promise for the table itself, not for its partitions.
        let is_promised = |table: &&Table| it.has_reference && table.name == it.table;
        let broken = unidentified(tables, &it.table).into_iter().filter(|table| !is_promised(table));
        list.extend(broken.map(|table| table.name.to_string()));
    }
    let mut found = Vec::new();
    if !refused.is_empty() {
        found.push(CHECK.error(summary(&refused), detail(publication, &refused), at.clone()));
    }
    if !warned.is_empty() {
        let detail = format!(
            "{}\n\nWhat another resource of this run sets is looked at again by the apply, which refuses what would break.",
            detail(publication, &warned)
        );
        found.push(CHECK.warning(summary(&warned), detail, at.clone()));
    }
    found
}

/// `Table x has no replica identity`
pub(crate) fn summary(names: &BTreeSet<String>) -> String {
    match names.first() {
        Some(one) if names.len() == 1 => format!("Table `{one}` has no usable replica identity"),
        _ => format!("{} tables have no usable replica identity", names.len()),
    }
}

/// What happens, and what to do about it.
pub(crate) fn detail(publication: &PublicationName, names: &BTreeSet<String>) -> String {
    let list: Vec<String> = names.iter().take(20).map(|it| format!("`{it}`")).collect();
    let more = names.len().saturating_sub(20);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "Publication `{publication}` publishes updates or deletes of {}{more}. Without a primary key or another replica \
         identity, each UPDATE and DELETE of the table then fails, for the application too (SQLSTATE 55000).\n\n\
         Give the table a primary key; or set its identity by a `neonrep_replica_identity` and reference that, \
         `tables = [{{ name = …, replica_identity_id = neonrep_replica_identity.x.id }}]`; or leave updates and deletes out, \
         `publish = [\"insert\", \"truncate\"]`. A partition needs an identity of its own.",
        list.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, table};
    use super::*;
    use crate::postgres::replica_identity::Mode;
    use crate::postgres::table::Kind;
    use tfplugin::Severity;

    fn tables() -> Tables {
        [
            table("keyed"),
            Table { has_primary_key: false, ..table("keyless") },
            Table { has_primary_key: false, identity: Mode::Full, ..table("full") },
            Table { identity: Mode::Nothing, ..table("nothing") },
            Table { oid: 30_000, kind: Kind::Partitioned, identity: Mode::Full, ..table("parent") },
            Table { oid: 30_001, partition_of: Some(30_000), has_primary_key: false, ..table("leaf") },
            Table { oid: 30_002, kind: Kind::Partitioned, has_primary_key: false, ..table("good_parent") },
            Table { oid: 30_003, partition_of: Some(30_002), ..table("good_leaf") },
        ]
        .into_iter()
        .collect()
    }

    fn judge(name: &str, has_reference: bool, is_new: bool, publish: &[Operation]) -> Vec<(Severity, String)> {
        let published = Published { table: TableName::parse("public", name).unwrap(), has_reference, is_new };
        let name = samples::publication();
        let publish = publish.iter().copied().collect();
        let found = check(&tables(), &name, &[published], &publish, &AttributePath::root());
        found.into_iter().map(|it| (it.severity, it.summary)).collect()
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        let all = &Operation::ALL[..];
        let error =
            |table: &str| vec![(Severity::Error, format!("Table `public.{table}` has no usable replica identity"))];
        let warning = |table: &str| vec![(Severity::Warning, error(table).remove(0).1)];
        for (table, reference, new, publish, expected) in [
            ("keyed", false, true, all, vec![]),
            ("keyless", false, true, all, error("keyless")),
            ("keyless", false, true, &[Operation::Insert, Operation::Truncate][..], vec![]),
            ("keyless", false, true, &[Operation::Delete][..], error("keyless")),
            ("keyless", false, true, &[][..], vec![]),
            ("keyless", true, true, all, vec![]),
            ("keyless", true, false, all, vec![]),
            ("parent", true, true, all, warning("leaf")),
            ("keyless", false, false, all, warning("keyless")),
            ("full", false, true, all, vec![]),
            ("nothing", false, true, all, error("nothing")),
            ("parent", false, true, all, error("leaf")),
            ("good_parent", false, true, all, vec![]),
            ("absent", false, true, all, vec![]),
        ] {
            assert_eq!(judge(table, reference, new, publish), expected, "{table} {reference} {new} {publish:?}");
        }
    }
}
