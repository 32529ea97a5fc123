//! Grants to one role in one database: what is wanted, what of it is missing, and the statements for the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::{DatabaseName, RoleName, SchemaName, TableName};
use super::privilege::{Grantors, Holdings, TablePrivilege};
use super::sql::{List, Statement};
use super::table::Tables;
use crate::sql;

/// Tables per GRANT.
const BATCH: usize = 50;

/// Neon's own owner of things; its default privileges are left alone (`neon-2026-09.md`, 8).
const CLOUD_ADMIN: &str = "cloud_admin";

/// One privilege on one thing. In the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// CONNECT on the database.
    Connect(DatabaseName),
    /// USAGE of a schema.
    Usage(SchemaName),
    /// A privilege on a table.
    Table(TableName, TablePrivilege),
    /// A privilege on the tables that a role will make in a schema.
    Future {
        /// Who will make them.
        owner: RoleName,
        /// Where.
        schema: SchemaName,
        /// What.
        privilege: TablePrivilege,
    },
}

/// `SELECT ON TABLE public.t3`
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(database) => write!(f, "CONNECT ON DATABASE {database}"),
            Self::Usage(schema) => write!(f, "USAGE ON SCHEMA {schema}"),
            Self::Table(table, privilege) => write!(f, "{privilege} ON TABLE {table}"),
            Self::Future { owner, schema, privilege } => {
                write!(f, "{privilege} ON FUTURE TABLES OF {owner} IN SCHEMA {schema}")
            }
        }
    }
}

/// What a role is to hold. CONNECT and the schemas' USAGE follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The role.
    pub role: RoleName,
    /// The database.
    pub database: DatabaseName,
    /// Each table of these schemas that belongs to no extension.
    pub schemas: BTreeSet<SchemaName>,
    /// These tables.
    pub tables: BTreeSet<TableName>,
    /// On each of them.
    pub privileges: BTreeSet<TablePrivilege>,
    /// On tables of `schemas` that these roles will make; see [`Wanted::found_owners`]. Empty: none.
    pub future_owners: BTreeSet<RoleName>,
}

impl Wanted {
    /// Tables in scope: the listed ones, there or not, and those found in the schemas.
    pub fn tables_in_scope(&self, tables: &Tables) -> BTreeSet<TableName> {
        let found = self.schemas.iter().flat_map(|schema| tables.of_schema(schema)).map(|it| it.name.clone());
        self.tables.iter().cloned().chain(found).collect()
    }

    /// Owners of tables found in the schemas, but Neon's own.
    pub fn found_owners(&self, tables: &Tables) -> BTreeSet<RoleName> {
        let owners = self.schemas.iter().flat_map(|schema| tables.of_schema(schema)).map(|it| it.owner.clone());
        owners.filter(|it| it.as_str() != CLOUD_ADMIN).collect()
    }

    /// Schemas whose USAGE belongs to it.
    pub fn schemas_in_scope(&self) -> BTreeSet<SchemaName> {
        self.schemas.iter().chain(self.tables.iter().map(|it| &it.schema)).cloned().collect()
    }

    /// All that the role is to hold.
    pub fn entries(&self, tables: &Tables) -> BTreeSet<Entry> {
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
    pub fn missing(&self, tables: &Tables, held: &Holdings) -> BTreeSet<Entry> {
        self.entries(tables).into_iter().filter(|it| !holds(held, it)).collect()
    }

    /// What is held in the declared scope and was not found there before: that is taken back at the end. USAGE of a schema and CONNECT
    /// are among it only if the role then holds nothing else beneath them, so that two grants of one role do not undo each other.
    pub fn to_take_back(&self, tables: &Tables, held: &Holdings, preexisting: &BTreeSet<Entry>) -> BTreeSet<Entry> {
        let ours = |entry: &Entry| !preexisting.contains(entry);
        let mut rest = held.clone();
        let mut taken = BTreeSet::new();
        for table in self.tables_in_scope(tables) {
            let Some(on_table) = rest.tables.get_mut(&table) else { continue };
            for privilege in &self.privileges {
                let entry = Entry::Table(table.clone(), *privilege);
                if ours(&entry) && on_table.remove(privilege).is_some() {
                    taken.insert(entry);
                }
            }
        }
        // Of whatever owner: who makes tables may have changed since.
        for ((owner, within), privileges) in &mut rest.future {
            let Some(schema) = within.as_ref().filter(|it| self.schemas.contains(*it)) else { continue };
            if owner.as_str() == CLOUD_ADMIN {
                continue;
            }
            for privilege in &self.privileges {
                let entry = Entry::Future { owner: owner.clone(), schema: schema.clone(), privilege: *privilege };
                if ours(&entry) && privileges.remove(privilege) {
                    taken.insert(entry);
                }
            }
        }
        for schema in self.schemas_in_scope() {
            let entry = Entry::Usage(schema.clone());
            if ours(&entry) && rest.is_empty_beneath(&schema) && rest.usage.remove(&schema).is_some() {
                taken.insert(entry);
            }
        }
        let connect = Entry::Connect(self.database.clone());
        if ours(&connect) && rest.is_empty_beneath_database() && !rest.connect.is_empty() {
            taken.insert(connect);
        }
        taken
    }
}

/// Whether a role holds that by an entry of its own. An owner's default without a schema counts for every schema.
pub fn holds(held: &Holdings, entry: &Entry) -> bool {
    let future =
        |key: &(RoleName, Option<SchemaName>), privilege| held.future.get(key).is_some_and(|it| it.contains(privilege));
    match entry {
        Entry::Connect(_) => !held.connect.is_empty(),
        Entry::Usage(schema) => held.usage.contains_key(schema),
        Entry::Table(table, privilege) => held.tables.get(table).is_some_and(|it| it.contains_key(privilege)),
        Entry::Future { owner, schema, privilege } => {
            future(&(owner.clone(), Some(schema.clone())), privilege) || future(&(owner.clone(), None), privilege)
        }
    }
}

/// Who granted that to the role. Empty for default privileges: only their owner can.
pub fn grantors(held: &Holdings, entry: &Entry) -> Grantors {
    let found = match entry {
        Entry::Connect(_) => Some(&held.connect),
        Entry::Usage(schema) => held.usage.get(schema),
        Entry::Table(table, privilege) => held.tables.get(table).and_then(|it| it.get(privilege)),
        Entry::Future { .. } => None,
    };
    found.cloned().unwrap_or_default()
}

impl Holdings {
    /// What is held, except CONNECT and default privileges that belong to no schema.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let usage = self.usage.keys().cloned().map(Entry::Usage);
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
        usage.chain(tables).chain(future)
    }
}

pub use super::advisory_lock::take as lock;

/// Gives them. Tables in the order of their oids, as many as possible per statement; a table that is not in `tables` comes last, and
/// the server says that it is not there.
pub fn grant(role: &RoleName, entries: &BTreeSet<Entry>, tables: &Tables) -> Vec<Statement> {
    let mut statements = Vec::new();
    for entry in entries {
        match entry {
            Entry::Connect(database) => statements.push(sql!("GRANT CONNECT ON DATABASE {} TO {}", database, role)),
            Entry::Usage(schema) => statements.push(sql!("GRANT USAGE ON SCHEMA {} TO {}", schema, role)),
            Entry::Table(..) | Entry::Future { .. } => {}
        }
    }
    for (privileges, batch) in table_batches(entries, tables) {
        statements.push(sql!("GRANT {} ON TABLE {} TO {}", privileges, batch, role));
    }
    for (owner, schema, privileges) in futures(entries) {
        statements.push(sql!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} ON TABLES TO {}",
            owner,
            schema,
            privileges,
            role
        ));
    }
    statements
}

/// Takes them back: the reverse order.
pub fn revoke(role: &RoleName, entries: &BTreeSet<Entry>, tables: &Tables) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (owner, schema, privileges) in futures(entries) {
        statements.push(sql!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} REVOKE {} ON TABLES FROM {}",
            owner,
            schema,
            privileges,
            role
        ));
    }
    for (privileges, batch) in table_batches(entries, tables) {
        statements.push(sql!("REVOKE {} ON TABLE {} FROM {}", privileges, batch, role));
    }
    for entry in entries.iter().rev() {
        match entry {
            Entry::Usage(schema) => statements.push(sql!("REVOKE USAGE ON SCHEMA {} FROM {}", schema, role)),
            Entry::Connect(database) => statements.push(sql!("REVOKE CONNECT ON DATABASE {} FROM {}", database, role)),
            Entry::Table(..) | Entry::Future { .. } => {}
        }
    }
    statements
}

/// Tables with the same privileges together, in batches, by oid.
fn table_batches(entries: &BTreeSet<Entry>, tables: &Tables) -> Vec<(List<TablePrivilege>, List<TableName>)> {
    let mut by_table: BTreeMap<&TableName, Vec<TablePrivilege>> = BTreeMap::new();
    for entry in entries {
        if let Entry::Table(table, privilege) = entry {
            by_table.entry(table).or_default().push(*privilege);
        }
    }
    let mut by_privileges: BTreeMap<Vec<TablePrivilege>, Vec<(u32, &TableName)>> = BTreeMap::new();
    for (table, privileges) in by_table {
        let oid = tables.get(table).map_or(u32::MAX, |it| it.oid);
        by_privileges.entry(privileges).or_default().push((oid, table));
    }
    let mut batches = Vec::new();
    for (privileges, mut of_them) in by_privileges {
        of_them.sort();
        for batch in of_them.chunks(BATCH) {
            let names = batch.iter().map(|(_, name)| (*name).clone()).collect();
            batches.push((List(privileges.clone()), List(names)));
        }
    }
    batches
}

fn futures(entries: &BTreeSet<Entry>) -> Vec<(RoleName, SchemaName, List<TablePrivilege>)> {
    let mut by_place: BTreeMap<(&RoleName, &SchemaName), Vec<TablePrivilege>> = BTreeMap::new();
    for entry in entries {
        if let Entry::Future { owner, schema, privilege } = entry {
            by_place.entry((owner, schema)).or_default().push(*privilege);
        }
    }
    by_place.into_iter().map(|((owner, schema), them)| (owner.clone(), schema.clone(), List(them))).collect()
}

#[cfg(test)]
mod tests;
