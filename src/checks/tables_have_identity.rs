//! A table whose updates or deletes are published needs a replica identity, or the application's own statements fail.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{AttributePath, Diagnostic, path};

use super::check::{Check, Level};
use crate::postgres::identity::{self, Problem, PublishedAs};
use crate::postgres::publication::Publication;
use crate::postgres::table::{Kind, Table, Tables};
use crate::postgres::{PublicationName, ServerVersion, TableName};

pub(crate) const CHECK: Check = Check {
    id: "tables_have_identity",
    level: Level::ErrorOrWarning,
    rule: "A table that is published for updates or deletes has a usable replica identity, whose columns are published: \
           otherwise each UPDATE and DELETE of the table fails for the application. An error for a table that this run publishes, \
           unless it has a `replica_identity_id`. A warning at each refresh for a table that was published before.",
};

/// A table of a planned publication.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Its name.
    pub table: TableName,
    /// What its `replica_identity_id` promises.
    pub promise: Promise,
    /// This run begins to publish its updates or deletes, or publishes them in another way; else what is wrong was wrong
    /// before, and the refresh has said so.
    pub is_new: bool,
    /// Something of how it is published is not known yet.
    pub is_unsure: bool,
}

/// What the `replica_identity_id` of a table promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// There is none.
    None,
    /// This run sets the identity.
    Open,
    /// The identity is set; this run may change it.
    Kept,
}

/// A table that holds rows, and whose UPDATE and DELETE fail while it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) row: TableName,
    /// The table of the publication's list that it is, or is a part of.
    listed: Option<TableName>,
    pub(crate) problem: Problem,
}

/// Tables whose UPDATE and DELETE fail while they are published so. What only the server knows of row filters is left out.
pub(crate) fn broken(version: ServerVersion, tables: &Tables, publication: &Publication) -> Vec<Broken> {
    if !publication.publish.iter().any(|it| it.needs_identity()) {
        return Vec::new();
    }
    rows(tables, publication)
        .filter_map(|(row, lineage)| {
            let is_listed = |it: &&&Table| publication.tables.contains_key(&it.name);
            let listed = lineage.iter().rev().find(is_listed).map(|it| it.name.clone());
            // Without `publish_via_partition_root` a partition is sent as itself, by its own list.
            let sent_as = if publication.via_partition_root { listed.as_ref() } else { Some(&row.name) };
            let member = sent_as.and_then(|it| publication.tables.get(it));
            let published_as = PublishedAs {
                publish: publication.publish.clone(),
                columns: member.and_then(|it| it.columns.clone()),
                filter_columns: BTreeSet::new(),
                generated_columns: publication.generated_columns,
            };
            let problem = identity::problem(version, &row.facts(), &published_as)?;
            Some(Broken { row: row.name.clone(), listed, problem })
        })
        .collect()
}

/// Tables that hold rows which the publication sends, each with what it is a part of.
pub(crate) fn rows<'a>(
    tables: &'a Tables,
    publication: &'a Publication,
) -> impl Iterator<Item = (&'a Table, Vec<&'a Table>)> {
    let is_published = |it: &&Table| {
        publication.all_tables
            || publication.tables.contains_key(&it.name)
            || publication.schemas.contains(&it.name.schema)
    };
    tables
        .iter()
        .filter(|it| it.kind == Kind::Table && it.why_not_publishable().is_none())
        .map(|it| (it, tables.lineage(it)))
        .filter(move |(_, lineage)| lineage.iter().any(is_published))
}

/// Tables that hold rows of the named one, itself or its partitions, and have no usable identity. None when it is not
/// there.
pub(crate) fn unidentified<'a>(tables: &'a Tables, name: &TableName) -> Vec<&'a Table> {
    let leaves = tables.get(name).map(|it| tables.leaves(it)).unwrap_or_default();
    leaves.into_iter().filter(|it| it.why_not_publishable().is_none() && !it.has_usable_identity()).collect()
}

/// Checks the listed tables of a planned publication.
pub(crate) fn check(
    version: ServerVersion,
    tables: &Tables,
    planned: &Publication,
    published: &[Published],
    at: &AttributePath,
) -> Vec<Diagnostic> {
    let by_name: BTreeMap<&TableName, &Published> = published.iter().map(|it| (&it.table, it)).collect();
    let (mut refused, mut warned) = (BTreeMap::new(), BTreeMap::new());
    for it in broken(version, tables, planned) {
        let Some(entry) = it.listed.as_ref().and_then(|listed| by_name.get(listed)) else { continue };
        let has_none = it.problem == Problem::NoIdentity;
        // The reference keeps the promise for the table itself, not for its partitions.
        let is_promised = it.row == entry.table
            && match entry.promise {
                Promise::None => false,
                Promise::Open => true,
                Promise::Kept => has_none,
            };
        if is_promised || (entry.is_unsure && !has_none) || !entry.is_new {
            continue;
        }
        let list = if entry.promise == Promise::None { &mut refused } else { &mut warned };
        list.insert(it.row, it.problem);
    }
    let mut found: Vec<Diagnostic> = told(&planned.name, &refused, at)
        .into_iter()
        .map(|(summary, detail, at)| CHECK.error(summary, detail, at))
        .collect();
    found.extend(told(&planned.name, &warned, at).into_iter().map(|(summary, detail, at)| {
        let detail = format!(
            "{detail}\n\nWhat another resource of this run sets is looked at again by the apply, which refuses what would break."
        );
        CHECK.warning(summary, detail, at)
    }));
    found
}

/// Warns of tables of an existing publication whose UPDATE and DELETE fail now.
pub(crate) fn lost(publication: &PublicationName, broken: &BTreeMap<TableName, Problem>) -> Vec<Diagnostic> {
    let told = told(publication, broken, &path!(tables));
    told.into_iter().map(|(summary, detail, at)| CHECK.warning(summary, detail, at)).collect()
}

/// Summary, detail and attribute of each kind of problem.
fn told(
    publication: &PublicationName,
    broken: &BTreeMap<TableName, Problem>,
    at: &AttributePath,
) -> Vec<(String, String, AttributePath)> {
    let of = |which: fn(&Problem) -> bool| -> BTreeMap<TableName, Problem> {
        broken.iter().filter(|(_, it)| which(it)).map(|(name, it)| (name.clone(), it.clone())).collect()
    };
    let without: BTreeSet<String> = of(|it| *it == Problem::NoIdentity).into_keys().map(|it| it.to_string()).collect();
    let generated = of(|it| matches!(it, Problem::GeneratedNotPublished(_)));
    let others = of(|it| !matches!(it, Problem::NoIdentity | Problem::GeneratedNotPublished(_)));
    let mut found = Vec::new();
    if !without.is_empty() {
        found.push((summary(&without), detail(publication, &without), at.clone()));
    }
    if !others.is_empty() {
        let advice = "Change `columns` or `where` of the table, or set a replica identity that fits with a \
                      `neonrep_replica_identity`: identity `full` allows no column list.";
        found.push((fails(&others), format!("{}\n\n{advice}", explained(publication, &others)), at.clone()));
    }
    if !generated.is_empty() {
        let advice = "Set `publish_generated_columns = \"stored\"` if the columns are stored ones, name them in `columns`, or set a \
                      replica identity without them with a `neonrep_replica_identity`.";
        let detail = format!("{}\n\n{advice}", explained(publication, &generated));
        found.push((fails(&generated), detail, path!(publish_generated_columns)));
    }
    found
}

fn fails(broken: &BTreeMap<TableName, Problem>) -> String {
    match broken.first_key_value() {
        Some((one, _)) if broken.len() == 1 => format!("Updates of table `{one}` fail if it is published like this"),
        _ => format!("Updates of {} tables fail if they are published like this", broken.len()),
    }
}

fn explained(publication: &PublicationName, broken: &BTreeMap<TableName, Problem>) -> String {
    format!(
        "Publication `{publication}` publishes updates or deletes in a way in which each UPDATE and DELETE of these tables fails, \
         for the application too (SQLSTATE 42P10):\n{}",
        lines(broken)
    )
}

/// A line for each table, with what is wrong.
pub(crate) fn lines(broken: &BTreeMap<TableName, Problem>) -> String {
    let line = |(table, problem): (&TableName, &Problem)| {
        let names = problem.columns().into_iter().flatten().map(|it| format!("`{it}`"));
        let columns = names.collect::<Vec<_>>().join(", ");
        let columns = if columns.is_empty() { columns } else { format!(" ({columns})") };
        format!("- `{table}`: {}{columns}", problem.reason())
    };
    let mut lines: Vec<String> = broken.iter().take(20).map(line).collect();
    if let Some(more) = broken.len().checked_sub(20).filter(|more| *more > 0) {
        lines.push(format!("- and {more} more"));
    }
    lines.join("\n")
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
    use crate::postgres::identity::Generated;
    use crate::postgres::marks::Marks;
    use crate::postgres::publication::{GeneratedColumns, Member, Operation};
    use crate::postgres::replica_identity::Mode;
    use crate::postgres::{ColumnName, RoleName};
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
            Table {
                identity: Mode::Full,
                generated: [(ColumnName::parse("g").unwrap(), Generated::Stored)].into(),
                ..table("generated")
            },
        ]
        .into_iter()
        .collect()
    }

    fn published(name: &str) -> Published {
        let table = TableName::parse("public", name).unwrap();
        Published { table, promise: Promise::None, is_new: true, is_unsure: false }
    }

    fn planned(name: &str, publish: &[Operation], columns: Option<&str>) -> Publication {
        let columns = columns.map(|all| all.split(' ').map(|it| ColumnName::parse(it).unwrap()).collect());
        let member = Member { relid: 0, columns, filter: None };
        Publication {
            name: samples::publication(),
            oid: 0,
            owner: RoleName::parse("o").unwrap(),
            tables: [(TableName::parse("public", name).unwrap(), member)].into(),
            schemas: BTreeSet::new(),
            all_tables: false,
            publish: publish.iter().copied().collect(),
            via_partition_root: false,
            generated_columns: GeneratedColumns::None,
            marks: Marks::default(),
        }
    }

    fn said(planned: &Publication, published: Published) -> Vec<(Severity, String)> {
        let version = ServerVersion::from_num(180_000);
        let found = check(version, &tables(), planned, &[published], &path!(tables));
        found.into_iter().map(|it| (it.severity, format!("{} {}", it.path, it.summary))).collect()
    }

    #[test]
    fn each_broken_rule_has_its_legal_neighbour() {
        use Promise::{Kept, None as Nobodys, Open};
        let all = &Operation::ALL[..];
        let error = |table: &str| {
            vec![(Severity::Error, format!("tables Table `public.{table}` has no usable replica identity"))]
        };
        let warning = |table: &str| vec![(Severity::Warning, error(table).remove(0).1)];
        for (table, promise, is_new, publish, expected) in [
            ("keyed", Nobodys, true, all, vec![]),
            ("keyless", Nobodys, true, all, error("keyless")),
            ("keyless", Nobodys, true, &[Operation::Insert, Operation::Truncate][..], vec![]),
            ("keyless", Nobodys, true, &[Operation::Delete][..], error("keyless")),
            ("keyless", Nobodys, true, &[][..], vec![]),
            ("keyless", Open, true, all, vec![]),
            ("keyless", Kept, true, all, vec![]),
            ("keyless", Kept, false, all, vec![]),
            ("parent", Open, true, all, warning("leaf")),
            ("keyless", Nobodys, false, all, vec![]),
            ("full", Nobodys, true, all, vec![]),
            ("nothing", Nobodys, true, all, error("nothing")),
            ("parent", Nobodys, true, all, error("leaf")),
            ("good_parent", Nobodys, true, all, vec![]),
            ("absent", Nobodys, true, all, vec![]),
        ] {
            let it = Published { promise, is_new, ..published(table) };
            assert_eq!(said(&planned(table, publish, None), it), expected, "{table} {promise:?} {is_new} {publish:?}");
        }
    }

    #[test]
    fn a_column_list_includes_the_identity() {
        let all = &Operation::ALL[..];
        let fails = |table: &str| format!("tables Updates of table `public.{table}` fail if it is published like this");
        for (table, columns, publish, is_broken) in [
            ("keyed", "id", all, false),
            ("keyed", "id v", all, false),
            ("keyed", "v", all, true),
            ("keyed", "v", &[Operation::Insert][..], false),
            ("full", "id v", all, true),
        ] {
            let planned = planned(table, publish, Some(columns));
            let expected = is_broken.then(|| (Severity::Error, fails(table)));
            assert_eq!(said(&planned, published(table)), Vec::from_iter(expected), "{table} {columns} {publish:?}");
            for silent in [
                Published { is_unsure: true, ..published(table) },
                Published { is_new: false, ..published(table) },
                Published { promise: Promise::Open, ..published(table) },
            ] {
                assert_eq!(said(&planned, silent), []);
            }
            let kept = Published { promise: Promise::Kept, ..published(table) };
            let expected = is_broken.then(|| (Severity::Warning, fails(table)));
            assert_eq!(said(&planned, kept), Vec::from_iter(expected));
        }
    }

    #[test]
    fn a_list_of_the_parent_counts_for_partitions_only_via_the_root() {
        let mut planned = planned("good_parent", &Operation::ALL, Some("v"));
        assert_eq!(said(&planned, published("good_parent")), []);
        planned.via_partition_root = true;
        assert_eq!(said(&planned, published("good_parent")).len(), 1);
    }

    #[test]
    fn generated_columns_of_the_identity_are_published() {
        let mut planned = planned("generated", &Operation::ALL, None);
        let fails = "publish_generated_columns Updates of table `public.generated` fail if it is published like this";
        assert_eq!(said(&planned, published("generated")), [(Severity::Error, fails.to_owned())]);
        let before =
            check(ServerVersion::from_num(170_000), &tables(), &planned, &[published("generated")], &path!(tables));
        assert!(before.is_empty(), "{before:?}");
        planned.generated_columns = GeneratedColumns::Stored;
        assert_eq!(said(&planned, published("generated")), []);
    }

    #[test]
    fn what_is_broken_in_an_existing_publication_is_named() {
        let version = ServerVersion::from_num(170_000);
        let everything =
            Publication { all_tables: true, tables: BTreeMap::new(), ..planned("keyed", &Operation::ALL, None) };
        let broken: BTreeMap<_, _> =
            broken(version, &tables(), &everything).into_iter().map(|it| (it.row, it.problem)).collect();
        let names: Vec<&str> = broken.keys().map(TableName::name).collect();
        assert_eq!(names, ["keyless", "leaf", "nothing"]);
        let said = lost(&samples::publication(), &broken);
        assert_eq!(said.len(), 1);
        assert!(said[0].severity == Severity::Warning && said[0].detail.contains("`public.leaf`"), "{said:?}");
    }
}
