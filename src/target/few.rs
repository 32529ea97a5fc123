//! Reads of a process that only plans: the first object is read by its name, several are read with all of their family.
//!
//! One object of a large database costs what it is itself, and a thousand cost as many statements as two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::database::{Database, Server};
use super::error::Error;
use crate::postgres::TableName;
use crate::postgres::table::Tables;
use crate::single_flight::SingleFlight;

/// Statements by name for tables of one database; names that are asked for at the same time share one.
const STATEMENTS: usize = 2;

/// The first object of a family that was asked for, in each database.
#[derive(Debug)]
pub(super) struct First<K, V> {
    keys: Mutex<BTreeMap<Database, K>>,
    pub(super) load: SingleFlight<Database, V, Error>,
}

impl<K, V> Default for First<K, V> {
    fn default() -> Self {
        Self { keys: Mutex::default(), load: SingleFlight::default() }
    }
}

impl<K: Ord + Clone, V: Clone + Send + Sync> First<K, V> {
    /// Whether this is the first one, or the first again.
    pub(super) fn is(&self, database: &Database, key: &K) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry(database.clone()).or_insert_with(|| key.clone()) == key
    }

    pub(super) fn forget(&self, server: &Server) {
        self.load.forget(|it| &it.server == server);
    }
}

/// Tables that were read by their names.
#[derive(Debug, Default)]
pub(super) struct FewTables(Mutex<BTreeMap<Database, Few>>);

#[derive(Debug, Default)]
struct Few {
    statements: usize,
    read: Vec<(BTreeSet<TableName>, Arc<Tables>)>,
}

impl FewTables {
    /// What was read with all of these names.
    pub(super) fn find(&self, database: &Database, names: &BTreeSet<TableName>) -> Option<Arc<Tables>> {
        let all = self.lock();
        let (_, found) = all.get(database)?.read.iter().find(|(read, _)| names.is_subset(read))?;
        Some(Arc::clone(found))
    }

    /// Whether one more statement by name is worth it. It is counted then.
    pub(super) fn may_ask(&self, database: &Database) -> bool {
        let mut all = self.lock();
        let few = all.entry(database.clone()).or_default();
        few.statements += 1;
        few.statements <= STATEMENTS
    }

    pub(super) fn keep(&self, database: &Database, names: BTreeSet<TableName>, found: &Arc<Tables>) {
        self.lock().entry(database.clone()).or_default().read.push((names, Arc::clone(found)));
    }

    pub(super) fn forget(&self, server: &Server) {
        for (_, few) in self.lock().iter_mut().filter(|(database, _)| &database.server == server) {
            few.read.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Database, Few>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(name: &str) -> Database {
        Database::parse("p", "br-a", name).unwrap()
    }

    fn names(all: &[&str]) -> BTreeSet<TableName> {
        all.iter().map(|it| TableName::parse("public", it).unwrap()).collect()
    }

    #[test]
    fn each_database_has_its_first() {
        let first: First<&str, u8> = First::default();
        assert!(first.is(&database("a"), &"x") && first.is(&database("a"), &"x"));
        assert!(!first.is(&database("a"), &"y") && first.is(&database("b"), &"y"));
    }

    #[test]
    fn what_was_read_serves_each_of_its_names_until_a_write() {
        let (few, at) = (FewTables::default(), database("a"));
        few.keep(&at, names(&["s", "t"]), &Arc::default());
        assert!(few.find(&at, &names(&["t"])).is_some());
        assert!(few.find(&at, &names(&["t", "u"])).is_none());
        assert!(few.find(&database("b"), &names(&["t"])).is_none());
        few.forget(&at.server);
        assert!(few.find(&at, &names(&["t"])).is_none());
    }

    #[test]
    fn statements_by_name_are_few() {
        let few = FewTables::default();
        assert_eq!([(); 4].map(|()| few.may_ask(&database("a"))), [true, true, false, false]);
        assert!(few.may_ask(&database("b")));
    }
}
