//! A publication as it is wanted, and as the server has it.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::RowFilter;
use super::operation::{GeneratedColumns, Operation};
use crate::postgres::marks::Marks;
use crate::postgres::names::{ColumnName, PublicationName, RoleName, SchemaName, TableName};

/// What is to become of a property that may have been set by others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish<T> {
    /// It stays as the server has it, also when the publication is dropped and created again.
    #[default]
    AsFound,
    /// It becomes this.
    Exactly(T),
}

impl<T> Wish<T> {
    pub(super) fn or_found(self, found: T) -> T {
        match self {
            Self::AsFound => found,
            Self::Exactly(wanted) => wanted,
        }
    }
}

/// A row filter that is wanted, and how the server printed it after it was set: the server prints the same expression in another spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedFilter {
    /// The user's text.
    pub(crate) filter: RowFilter,
    /// `Member::filter`, as read right after this text was set.
    pub(crate) of_server: Option<String>,
}

impl WantedFilter {
    pub(super) fn is(&self, found: &str) -> bool {
        self.of_server.as_deref() == Some(found) || self.filter.is_spelled_like(found)
    }
}

/// How a table is to be listed. By default as it was found, or whole if it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The columns that are published (15+); none means all.
    pub(crate) columns: Wish<Option<BTreeSet<ColumnName>>>,
    /// The row filter (15+).
    pub(crate) filter: Wish<Option<WantedFilter>>,
}

/// What a publication is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// The listed tables. Each alone, without the tables that inherit from it; a partitioned one with its partitions. Ignored with
    /// `all_tables`.
    pub(crate) tables: BTreeMap<TableName, Listing>,
    /// Schemas that are published whole (15+). Ignored with `all_tables`.
    pub(crate) schemas: Wish<BTreeSet<SchemaName>>,
    /// FOR ALL TABLES.
    pub(crate) all_tables: bool,
    /// Published changes; may be empty.
    pub(crate) publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub(crate) via_partition_root: bool,
    /// Generated columns; `Exactly` on 18 and newer only.
    pub(crate) generated_columns: Wish<GeneratedColumns>,
}

/// A listed table as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Oid of the table.
    pub(crate) relid: u32,
    /// The column list (15+); none means all columns.
    pub(crate) columns: Option<BTreeSet<ColumnName>>,
    /// The row filter as the server prints it (15+).
    pub(crate) filter: Option<String>,
}

/// A publication as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) name: PublicationName,
    /// Its `pg_publication.oid`: a changed value means that it was recreated.
    pub(crate) oid: u32,
    pub(crate) owner: RoleName,
    pub(crate) tables: BTreeMap<TableName, Member>,
    /// Schemas that are published whole (15+).
    pub(crate) schemas: BTreeSet<SchemaName>,
    /// FOR ALL TABLES.
    pub(crate) all_tables: bool,
    pub(crate) publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub(crate) via_partition_root: bool,
    pub(crate) generated_columns: GeneratedColumns,
    /// The marks in its COMMENT. The user's text is not loaded: it may be of any length, see `read_comment`.
    pub(crate) marks: Marks,
}

impl Publication {
    /// Whether only drop and create lead to `want`: to and from FOR ALL TABLES there is no ALTER.
    pub(crate) fn must_be_replaced_for(&self, want: &Definition) -> bool {
        self.all_tables != want.all_tables
    }

    /// Whether `want` adds a schema. ALTER asks for a superuser there, where CREATE asks for less on Neon (42501 `must be superuser to add
    /// or set schemas`): then only drop and create are left.
    pub(crate) fn adds_schemas(&self, want: &Definition) -> bool {
        match &want.schemas {
            Wish::Exactly(schemas) => !want.all_tables && !schemas.is_subset(&self.schemas),
            Wish::AsFound => false,
        }
    }
}
