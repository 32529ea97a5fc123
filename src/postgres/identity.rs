//! Whether the application can still UPDATE and DELETE in a table that is published.
//!
//! The server asks at each such statement (`CheckCmdReplicaIdentity` and `RelationBuildPublicationDesc` of its source), not when the
//! publication or the identity is changed. The rules here are the server's, tried on 14 to 18 by running the UPDATE.

use std::collections::{BTreeMap, BTreeSet};

use super::names::ColumnName;
use super::publication::{GeneratedColumns, Operation};
use super::version::ServerVersion;

/// How the value of a generated column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generated {
    /// On disk.
    Stored,
    /// Not at all: computed when it is read (18+).
    Virtual,
}

/// What identifies a row in the change that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nothing.
    Nothing,
    /// All columns.
    Full,
    /// The key columns of an index.
    Columns(BTreeSet<ColumnName>),
}

/// What counts of a table that holds rows: an ordinary table or a leaf partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableFacts {
    /// What identifies its rows.
    pub(crate) identity: Identity,
    pub(crate) generated: BTreeMap<ColumnName, Generated>,
}

/// How a publication sends the changes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedAs {
    /// Which changes.
    pub(crate) publish: BTreeSet<Operation>,
    /// The column list that applies; none means all columns. Of the topmost published ancestor with `publish_via_partition_root`.
    pub(crate) columns: Option<BTreeSet<ColumnName>>,
    /// Columns that the row filter reads; empty without one.
    pub(crate) filter_columns: BTreeSet<ColumnName>,
    /// Whether generated columns are sent.
    pub(crate) generated_columns: GeneratedColumns,
}

impl PublishedAs {
    /// All columns and all rows.
    #[cfg(test)]
    pub(crate) fn whole(publish: impl IntoIterator<Item = Operation>) -> Self {
        Self {
            publish: publish.into_iter().collect(),
            columns: None,
            filter_columns: BTreeSet::new(),
            generated_columns: GeneratedColumns::None,
        }
    }
}

/// Why UPDATE and DELETE of the table fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 55000: there is no identity.
    NoIdentity,
    /// 42P10: the row filter reads these columns, which are not part of the identity (15+).
    FilterOutsideIdentity(BTreeSet<ColumnName>),
    /// 42P10: the column list lacks these columns of the identity (15+).
    ColumnsLackIdentity(BTreeSet<ColumnName>),
    /// 42P10: FULL identifies by all columns, and there is a column list, even if it names all (15+).
    ColumnsWithFull,
    /// 42P10: the identity has these generated columns, which are not published (18+). With FULL all generated columns are part of it.
    GeneratedNotPublished(BTreeSet<ColumnName>),
}

impl Problem {
    /// What is wrong, after the name of a publication: a clause without a period.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::NoIdentity => "it publishes updates or deletes, which then fail without a replica identity",
            Self::FilterOutsideIdentity(_) => "its row filter uses columns that are not part of the replica identity",
            Self::ColumnsLackIdentity(_) => "its column list lacks columns of the replica identity",
            Self::ColumnsWithFull => "it has a column list, which excludes the replica identity FULL",
            Self::GeneratedNotPublished(_) => {
                "it does not publish generated columns, which the replica identity includes"
            }
        }
    }

    /// The columns that it is about.
    pub(crate) fn columns(&self) -> Option<&BTreeSet<ColumnName>> {
        match self {
            Self::NoIdentity | Self::ColumnsWithFull => None,
            Self::FilterOutsideIdentity(columns)
            | Self::ColumnsLackIdentity(columns)
            | Self::GeneratedNotPublished(columns) => Some(columns),
        }
    }
}

/// Why UPDATE and DELETE of the table fail while it is published so; `None` if they do not, or are not published.
pub(crate) fn problem(version: ServerVersion, table: &TableFacts, published: &PublishedAs) -> Option<Problem> {
    if !published.publish.iter().any(|it| it.needs_identity()) {
        return None;
    }
    let nothing = BTreeSet::new();
    let key = match &table.identity {
        Identity::Nothing => return Some(Problem::NoIdentity),
        Identity::Full => None,
        Identity::Columns(key) => Some(key),
    };
    if let Some(key) = key {
        let outside = minus(&published.filter_columns, key);
        if !outside.is_empty() {
            return Some(Problem::FilterOutsideIdentity(outside));
        }
        let lacking = published.columns.as_ref().map(|listed| minus(key, listed)).unwrap_or_default();
        if !lacking.is_empty() {
            return Some(Problem::ColumnsLackIdentity(lacking));
        }
    } else if published.columns.is_some() {
        return Some(Problem::ColumnsWithFull);
    }
    if !version.has_published_generated_columns() {
        return None;
    }
    let listed = published.columns.as_ref().unwrap_or(&nothing);
    let is_sent = |column: &ColumnName, generated: Generated| {
        listed.contains(column)
            || (generated == Generated::Stored && published.generated_columns == GeneratedColumns::Stored)
    };
    let unsent: BTreeSet<ColumnName> = table
        .generated
        .iter()
        .filter(|(column, generated)| key.is_none_or(|key| key.contains(*column)) && !is_sent(column, **generated))
        .map(|(column, _)| column.clone())
        .collect();
    (!unsent.is_empty()).then_some(Problem::GeneratedNotPublished(unsent))
}

fn minus(these: &BTreeSet<ColumnName>, those: &BTreeSet<ColumnName>) -> BTreeSet<ColumnName> {
    these.difference(those).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str) -> BTreeSet<ColumnName> {
        names.split_whitespace().map(|it| ColumnName::parse(it).unwrap()).collect()
    }

    fn key(names: &str) -> Identity {
        Identity::Columns(columns(names))
    }

    fn generated(stored: &str, computed: &str) -> BTreeMap<ColumnName, Generated> {
        let stored = columns(stored).into_iter().map(|it| (it, Generated::Stored));
        stored.chain(columns(computed).into_iter().map(|it| (it, Generated::Virtual))).collect()
    }

    fn published(list: Option<&str>, filter: &str, generated_columns: GeneratedColumns) -> PublishedAs {
        PublishedAs {
            columns: list.map(columns),
            filter_columns: columns(filter),
            generated_columns,
            ..PublishedAs::whole(Operation::ALL)
        }
    }

    #[test]
    fn each_rule_has_its_legal_neighbour() {
        use GeneratedColumns::{None as Unsent, Stored};
        for (identity, stored, computed, publication, on_15, on_18) in [
            (key("id"), "", "", published(None, "", Unsent), None, None),
            (Identity::Full, "", "", published(None, "", Unsent), None, None),
            (
                Identity::Nothing,
                "",
                "",
                published(None, "", Unsent),
                Some(Problem::NoIdentity),
                Some(Problem::NoIdentity),
            ),
            (key("id"), "", "", published(None, "id", Unsent), None, None),
            (
                key("id"),
                "",
                "",
                published(None, "id v", Unsent),
                Some(Problem::FilterOutsideIdentity(columns("v"))),
                Some(Problem::FilterOutsideIdentity(columns("v"))),
            ),
            (Identity::Full, "", "", published(None, "v", Unsent), None, None),
            (key("id k"), "", "", published(Some("id k v"), "", Unsent), None, None),
            (
                key("id k"),
                "",
                "",
                published(Some("id v"), "", Unsent),
                Some(Problem::ColumnsLackIdentity(columns("k"))),
                Some(Problem::ColumnsLackIdentity(columns("k"))),
            ),
            (
                Identity::Full,
                "",
                "",
                published(Some("id v"), "", Unsent),
                Some(Problem::ColumnsWithFull),
                Some(Problem::ColumnsWithFull),
            ),
            (key("id"), "g", "h", published(None, "", Unsent), None, None),
            (key("g"), "g", "", published(None, "", Unsent), None, Some(Problem::GeneratedNotPublished(columns("g")))),
            (key("g"), "g", "", published(None, "", Stored), None, None),
            (key("g"), "g", "", published(Some("g"), "", Unsent), None, None),
            (
                Identity::Full,
                "g",
                "",
                published(None, "", Unsent),
                None,
                Some(Problem::GeneratedNotPublished(columns("g"))),
            ),
            (Identity::Full, "g", "", published(None, "", Stored), None, None),
            (
                Identity::Full,
                "g",
                "h",
                published(None, "", Stored),
                None,
                Some(Problem::GeneratedNotPublished(columns("h"))),
            ),
        ] {
            let table = TableFacts { identity, generated: generated(stored, computed) };
            for (major, expected) in [(15, &on_15), (16, &on_15), (17, &on_15), (18, &on_18)] {
                let version = ServerVersion::from_num(major * 10_000);
                assert_eq!(problem(version, &table, &publication), *expected, "{major}: {table:?} {publication:?}");
            }
        }
    }

    #[test]
    fn what_is_not_published_needs_no_identity() {
        let table = TableFacts { identity: Identity::Nothing, generated: BTreeMap::new() };
        for (operations, broken) in [
            (&[Operation::Insert, Operation::Truncate][..], false),
            (&[Operation::Update][..], true),
            (&[Operation::Delete][..], true),
            (&[][..], false),
        ] {
            let publication = PublishedAs::whole(operations.iter().copied());
            let found = problem(ServerVersion::from_num(140_000), &table, &publication);
            assert_eq!(found, broken.then_some(Problem::NoIdentity), "{operations:?}");
        }
    }
}
