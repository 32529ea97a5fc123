//! Who reads a database: its default role, or a role of `connect_as` where the default one cannot log in.
//!
//! A database may be owned by a role that was created with SQL, or that may not log in. Then the role that writes there can
//! read too, and the snapshot of the database is that role's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::database::Database;
use super::error::Error;
use super::{Entrance, Target};
use crate::neon::Budget;
use crate::postgres::Usage;
use crate::postgres::{self, RoleName};

/// The roles that resources name in `connect_as`, by database.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<BTreeMap<Database, BTreeSet<RoleName>>>);

impl Readers {
    /// Whether the role is new there.
    fn add(&self, database: &Database, role: &RoleName) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(database.clone()).or_default().insert(role.clone())
    }

    fn of(&self, database: &Database) -> BTreeSet<RoleName> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(database).cloned().unwrap_or_default()
    }
}

impl Target {
    /// Names a role that may read a database if the default role cannot log in.
    pub(crate) fn offer_reader(&self, database: &Database, role: &RoleName) {
        if self.0.readers.add(database, role) {
            // That nobody could log in was remembered without this role.
            self.unreachable().retain(|of, error| of != database || !error.is_of_the_login());
        }
    }

    /// A session for reads and checks. The error is that of the default role.
    pub(crate) async fn connect(
        &self,
        database: &Database,
        budget: &Budget,
        purpose: &str,
    ) -> Result<postgres::Session, Error> {
        let refused = match self.connect_as(database, None, budget, purpose).await {
            Err(error) if error.is_of_the_login() => error,
            done => return done,
        };
        let mut others = self.0.readers.of(database);
        if let Entrance::Neon(entrance) = &self.0.entrance {
            // An import knows no `connect_as`: who is named in the provider block may read too.
            others.extend(entrance.role_passwords.keys().filter_map(|role| RoleName::parse(role).ok()));
        }
        for role in others {
            match self.connect_as(database, Some(&role), budget, purpose).await {
                Ok(session) => return Ok(session),
                Err(error) => {
                    tracing::debug!(%database, %role, %error, "cannot read as the role of `connect_as` either");
                }
            }
        }
        Err(refused)
    }

    async fn connect_as(
        &self,
        database: &Database,
        role: Option<&RoleName>,
        budget: &Budget,
        purpose: &str,
    ) -> Result<postgres::Session, Error> {
        let address = self.address(database, role, budget).await?;
        // What a process that writes reads is not shared, so nothing is gained by taking turns.
        let usage = if self.is_writing() { Usage::Write } else { Usage::Read };
        self.open(&address, database, budget, purpose, usage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_has_its_own_readers() {
        let readers = Readers::default();
        let database = |name| Database::parse("p", "br-a", name).unwrap();
        let role: RoleName = "r".parse().unwrap();
        assert!(readers.add(&database("a"), &role));
        assert!(!readers.add(&database("a"), &role), "once");
        assert_eq!(readers.of(&database("a")), [role].into());
        assert!(readers.of(&database("b")).is_empty());
    }
}
