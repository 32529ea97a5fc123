//! A publication as it is wanted, and as the server has it.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::RowFilter;
use super::operation::{GeneratedColumns, Operation};
use crate::postgres::marks::Marks;
use crate::postgres::names::{ColumnName, PublicationName, RoleName, SchemaName, TableName};

/// What is to become of a property that may have been set by others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish<T> {
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
pub struct WantedFilter {
    /// The user's text.
    pub filter: RowFilter,
    /// `Member::filter`, as read right after this text was set.
    pub of_server: Option<String>,
}

impl WantedFilter {
    pub(super) fn is(&self, found: &str) -> bool {
        self.of_server.as_deref() == Some(found) || self.filter.is_spelled_like(found)
    }
}

/// How a table is to be listed. By default as it was found, or whole if it is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The columns that are published (15+); none means all.
    pub columns: Wish<Option<BTreeSet<ColumnName>>>,
    /// The row filter (15+).
    pub filter: Wish<Option<WantedFilter>>,
}

/// What a publication is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The listed tables. Each alone, without the tables that inherit from it; a partitioned one with its partitions. Ignored with
    /// `all_tables`.
    pub tables: BTreeMap<TableName, Listing>,
    /// Schemas that are published whole (15+). Ignored with `all_tables`.
    pub schemas: Wish<BTreeSet<SchemaName>>,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// Published changes; may be empty.
    pub publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub via_partition_root: bool,
    /// Generated columns; `Exactly` on 18 and newer only.
    pub generated_columns: Wish<GeneratedColumns>,
}

/// A listed table as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Oid of the table.
    pub relid: u32,
    /// The column list (15+); none means all columns.
    pub columns: Option<BTreeSet<ColumnName>>,
    /// The row filter as the server prints it (15+).
    pub filter: Option<String>,
}

/// A publication as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its name.
    pub name: PublicationName,
    /// Its `pg_publication.oid`: a changed value means that it was recreated.
    pub oid: u32,
    /// Its owner.
    pub owner: RoleName,
    /// The listed tables.
    pub tables: BTreeMap<TableName, Member>,
    /// Schemas that are published whole (15+).
    pub schemas: BTreeSet<SchemaName>,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// Published changes.
    pub publish: BTreeSet<Operation>,
    /// Changes of partitions appear as changes of the partitioned table.
    pub via_partition_root: bool,
    /// Generated columns.
    pub generated_columns: GeneratedColumns,
    /// The marks in its COMMENT. The user's text is not loaded: it may be of any length, see `read_comment`.
    pub marks: Marks,
}

impl Publication {
    /// Whether some listed table has a filter or a column list, or a schema is published whole.
    pub fn has_extras(&self) -> bool {
        !self.schemas.is_empty() || self.tables.values().any(|it| it.columns.is_some() || it.filter.is_some())
    }

    /// Whether only drop and create lead to `want`: to and from FOR ALL TABLES there is no ALTER.
    pub fn must_be_replaced_for(&self, want: &Definition) -> bool {
        self.all_tables != want.all_tables
    }

    /// Whether `want` adds a schema. ALTER asks for a superuser there, where CREATE asks for less on Neon (42501 `must be superuser to add
    /// or set schemas`): then only drop and create are left.
    pub fn adds_schemas(&self, want: &Definition) -> bool {
        match &want.schemas {
            Wish::Exactly(schemas) => !want.all_tables && !schemas.is_subset(&self.schemas),
            Wish::AsFound => false,
        }
    }
}
