//! Reads of tables by name that wait for a session at the same time become one statement.
//!
//! While a process writes, and as long as one that plans asks for few, each resource asks for its own tables. The first one to ask opens a
//! session; who asks before the statement is sent adds its names to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::oneshot;

use super::Target;
use super::database::Database;
use super::error::Error;
use crate::neon::Budget;
use crate::postgres::table::{self, Tables};
use crate::postgres::{Connection, TableName};
use crate::single_flight::Failure;

type Answer = Result<Arc<Tables>, Error>;

/// Names that nobody has asked the server for yet, by database.
#[derive(Debug, Default)]
pub(super) struct Gathered(Mutex<BTreeMap<Database, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    names: BTreeSet<TableName>,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Gathered {
    /// Whether somebody opens a session already.
    fn is_led(&self, database: &Database) -> bool {
        self.lock().contains_key(database)
    }

    /// The answer to come, where somebody opens a session already; `None`: the caller is to do so.
    fn join(&self, database: &Database, names: &BTreeSet<TableName>) -> Option<oneshot::Receiver<Answer>> {
        let mut all = self.lock();
        let Some(waiting) = all.get_mut(database) else {
            all.insert(database.clone(), Waiting { names: names.clone(), answers: Vec::new() });
            return None;
        };
        let (answer, receiver) = oneshot::channel();
        waiting.names.extend(names.iter().cloned());
        waiting.answers.push(answer);
        Some(receiver)
    }

    fn take(&self, database: &Database) -> Waiting {
        self.lock().remove(database).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Database, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that opens the session. Dropped before it sent the statement, it lets the others ask for themselves.
struct Leader<'a> {
    gathered: &'a Gathered,
    database: &'a Database,
    taken: OnceLock<Waiting>,
}

impl Leader<'_> {
    /// All names from here on; who asks later has a leader of its own.
    fn names(&self) -> &BTreeSet<TableName> {
        &self.taken.get_or_init(|| self.gathered.take(self.database)).names
    }

    fn tell(mut self, answer: &Answer) {
        for other in self.taken.take().unwrap_or_default().answers {
            // Who does not wait any more need not be told.
            let _ = other.send(answer.clone());
        }
        self.taken = OnceLock::from(Waiting::default());
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.names();
    }
}

impl Target {
    /// Some tables, those that are there, with the partitions beneath them, and perhaps others: by name while this process writes or few
    /// were asked for, else out of the snapshot.
    pub(crate) async fn tables_named(
        &self,
        database: &Database,
        names: &BTreeSet<TableName>,
        budget: &Budget,
    ) -> Result<Arc<Tables>, Error> {
        let snapshots = &self.0.snapshots;
        if !self.is_writing() {
            if let Some(found) = snapshots.few_tables.find(database, names) {
                return Ok(found);
            }
            let is_worth_it = || self.0.gathered.is_led(database) || snapshots.few_tables.may_ask(database);
            if snapshots.tables.has(database) || !is_worth_it() {
                return self.tables(database, budget).await;
            }
        }
        let Some(answer) = self.0.gathered.join(database, names) else {
            let leader = Leader { gathered: &self.0.gathered, database, taken: OnceLock::new() };
            let read = self.read(database, budget, "reading tables", |it| {
                let leader = &leader;
                async move { table::read(&it, leader.names()).await }
            });
            let answer = read.await.map(Arc::new);
            if let (false, Ok(found)) = (self.is_writing(), &answer) {
                snapshots.few_tables.keep(database, leader.names().clone(), found);
            }
            if leader.taken.get().is_some() {
                leader.tell(&answer);
            }
            return answer;
        };
        match budget.run(answer).await {
            Ok(Ok(answer)) if !answer.as_ref().is_err_and(Failure::is_of_one_caller) => answer,
            // The one that asked for all ran out of its own time, or this call did.
            _ => {
                let read = |it: Arc<Connection>| async move { table::read(&it, names).await };
                self.read(database, budget, "reading tables", read).await.map(Arc::new)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<TableName> {
        all.iter().map(|it| TableName::parse("public", it).unwrap()).collect()
    }

    #[test]
    fn who_asks_before_the_statement_is_sent_shares_it() {
        let (gathered, database) = (Gathered::default(), Database::parse("p", "br-a", "d").unwrap());
        assert!(gathered.join(&database, &names(&["a"])).is_none(), "the first one leads");
        let mut second = gathered.join(&database, &names(&["b"])).unwrap();
        let leader = Leader { gathered: &gathered, database: &database, taken: OnceLock::new() };
        assert_eq!(leader.names(), &names(&["a", "b"]));
        assert!(gathered.join(&database, &names(&["c"])).is_none(), "the statement was sent: another one leads");
        leader.tell(&Ok(Arc::default()));
        assert!(second.try_recv().unwrap().is_ok());
        assert!(gathered.join(&database, &names(&["d"])).is_some(), "the other one leads still");
    }

    #[test]
    fn a_leader_that_ends_early_frees_the_others() {
        let (gathered, database) = (Gathered::default(), Database::parse("p", "br-a", "d").unwrap());
        assert!(gathered.join(&database, &names(&["a"])).is_none());
        let mut second = gathered.join(&database, &names(&["b"])).unwrap();
        drop(Leader { gathered: &gathered, database: &database, taken: OnceLock::new() });
        assert_eq!(second.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert!(gathered.join(&database, &names(&["c"])).is_none());
    }
}
