//! Grants to one role in one database: what is wanted, what of it is missing, and the statements for the difference.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::{DatabaseName, RoleName, SchemaName, TableName};
use super::privilege::{Grantors, Holdings, TablePrivilege};
use super::table::Tables;

/// Neon's own owner of things; its default privileges are left alone.
pub(crate) const CLOUD_ADMIN: &str = "cloud_admin";

/// One privilege on one thing. In the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// CONNECT on the database.
    Connect(DatabaseName),
    /// USAGE of a schema.
    Usage(SchemaName),
    /// CREATE in a schema: never wanted, but a surplus.
    Create(SchemaName),
    /// A privilege on a table.
    Table(TableName, TablePrivilege),
    /// A privilege on the tables that a role will make in a schema.
    Future {
        /// Who will make them.
        owner: RoleName,
        schema: SchemaName,
        privilege: TablePrivilege,
    },
}

/// `SELECT ON TABLE public.t3`
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(database) => write!(f, "CONNECT ON DATABASE {database}"),
            Self::Usage(schema) => write!(f, "USAGE ON SCHEMA {schema}"),
            Self::Create(schema) => write!(f, "CREATE ON SCHEMA {schema}"),
            Self::Table(table, privilege) => write!(f, "{privilege} ON TABLE {table}"),
            Self::Future { owner, schema, privilege } => {
                write!(f, "{privilege} ON FUTURE TABLES OF {owner} IN SCHEMA {schema}")
            }
        }
    }
}

/// What a role is to hold. CONNECT and the schemas' USAGE follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) role: RoleName,
    pub(crate) database: DatabaseName,
    /// Each table of these schemas that belongs to no extension.
    pub(crate) schemas: BTreeSet<SchemaName>,
    pub(crate) tables: BTreeSet<TableName>,
    /// On each of them.
    pub(crate) privileges: BTreeSet<TablePrivilege>,
    /// On tables of `schemas` that these roles will make; see [`Wanted::found_owners`]. Empty: none.
    pub(crate) future_owners: BTreeSet<RoleName>,
}

impl Wanted {
    /// Tables in scope: the listed ones, there or not, and those found in the schemas.
    pub(crate) fn tables_in_scope(&self, tables: &Tables) -> BTreeSet<TableName> {
        let found = self.schemas.iter().flat_map(|schema| tables.of_schema(schema)).map(|it| it.name.clone());
        self.tables.iter().cloned().chain(found).collect()
    }

    /// Owners of tables found in the schemas, but Neon's own.
    pub(crate) fn found_owners(&self, tables: &Tables) -> BTreeSet<RoleName> {
        let owners = self.schemas.iter().flat_map(|schema| tables.of_schema(schema)).map(|it| it.owner.clone());
        owners.filter(|it| it.as_str() != CLOUD_ADMIN).collect()
    }

    /// Schemas whose USAGE belongs to it.
    pub(crate) fn schemas_in_scope(&self) -> BTreeSet<SchemaName> {
        self.schemas.iter().chain(self.tables.iter().map(|it| &it.schema)).cloned().collect()
    }

    /// All that the role is to hold.
    pub(crate) fn entries(&self, tables: &Tables) -> BTreeSet<Entry> {
        let mut entries: BTreeSet<Entry> = [Entry::Connect(self.database.clone())].into();
        entries.extend(self.schemas_in_scope().into_iter().map(Entry::Usage));
        for table in self.tables_in_scope(tables) {
            entries.extend(self.privileges.iter().map(|it| Entry::Table(table.clone(), *it)));
        }
        for (owner, schema) in
            self.future_owners.iter().flat_map(|owner| self.schemas.iter().map(move |it| (owner, it)))
        {
            entries.extend(self.privileges.iter().map(|privilege| Entry::Future {
                owner: owner.clone(),
                schema: schema.clone(),
                privilege: *privilege,
            }));
        }
        entries
    }

    /// What it is to hold and does not.
    pub(crate) fn missing(&self, tables: &Tables, held: &Holdings) -> BTreeSet<Entry> {
        self.entries(tables).into_iter().filter(|it| !holds(held, it)).collect()
    }
}

/// Whether a role holds that by an entry of its own. An owner's default without a schema counts for every schema.
pub(crate) fn holds(held: &Holdings, entry: &Entry) -> bool {
    let future =
        |key: &(RoleName, Option<SchemaName>), privilege| held.future.get(key).is_some_and(|it| it.contains(privilege));
    match entry {
        Entry::Connect(_) => !held.connect.is_empty(),
        Entry::Usage(schema) => held.usage.contains_key(schema),
        Entry::Create(schema) => held.create.contains_key(schema),
        Entry::Table(table, privilege) => held.tables.get(table).is_some_and(|it| it.contains_key(privilege)),
        Entry::Future { owner, schema, privilege } => {
            future(&(owner.clone(), Some(schema.clone())), privilege) || future(&(owner.clone(), None), privilege)
        }
    }
}

/// Who granted that to the role. Empty for default privileges: only their owner can.
pub(crate) fn grantors(held: &Holdings, entry: &Entry) -> Grantors {
    let found = match entry {
        Entry::Connect(_) => Some(&held.connect),
        Entry::Usage(schema) => held.usage.get(schema),
        Entry::Create(schema) => held.create.get(schema),
        Entry::Table(table, privilege) => held.tables.get(table).and_then(|it| it.get(privilege)),
        Entry::Future { .. } => None,
    };
    found.cloned().unwrap_or_default()
}

impl Holdings {
    /// What is held, except CONNECT and default privileges that belong to no schema.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let schemas =
            self.usage.keys().cloned().map(Entry::Usage).chain(self.create.keys().cloned().map(Entry::Create));
        let tables = self
            .tables
            .iter()
            .flat_map(|(table, held)| held.keys().map(move |privilege| Entry::Table(table.clone(), *privilege)));
        let future = self.future.iter().flat_map(|((owner, schema), held)| {
            schema.iter().flat_map(move |schema| {
                held.iter().map(move |privilege| Entry::Future {
                    owner: owner.clone(),
                    schema: schema.clone(),
                    privilege: *privilege,
                })
            })
        });
        schemas.chain(tables).chain(future)
    }
}

#[cfg(test)]
mod tests;
