//! What stays of a database when it is renamed, and the name that it has now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Target;
use super::api_names::database_name;
use super::database::{Database, Server};
use super::error::Error;
use crate::neon::Budget;
use crate::postgres::{self, DatabaseName};

/// What identifies a database, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DatabaseKey {
    /// Its `id` in Neon's API.
    Api(i64),
    /// Its `pg_database.oid`.
    Oid(u32),
}

/// OIDs of databases by name. A name that this process has connected to keeps its OID: the database is in use.
#[derive(Debug, Default)]
pub(super) struct Oids(Mutex<BTreeMap<Database, u32>>);

impl Oids {
    fn known(&self) -> MutexGuard<'_, BTreeMap<Database, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    /// The key of the database that has this name. Error: `Gone` if there is none.
    pub(crate) async fn database_key(&self, at: &Database, budget: &Budget) -> Result<DatabaseKey, Error> {
        if let Server::Neon(branch) = &at.server {
            return self.neon_entrance()?.database_id(branch, &at.name, budget).await.map(DatabaseKey::Api);
        }
        let known = self.0.oids.known().get(at).copied();
        if let Some(oid) = known {
            return Ok(DatabaseKey::Oid(oid));
        }
        let read =
            self.read(at, budget, "reading the database", |it| async move { postgres::database::oid(&it).await });
        let oid = read.await?;
        self.0.oids.known().insert(at.clone(), oid);
        Ok(DatabaseKey::Oid(oid))
    }

    /// The name that the database of a key has now; `None` if it is gone. `was` is where it was recorded.
    pub(crate) async fn name_now(
        &self,
        was: &Database,
        key: DatabaseKey,
        budget: &Budget,
    ) -> Result<Option<DatabaseName>, Error> {
        match (key, &was.server) {
            (DatabaseKey::Api(id), Server::Neon(branch)) => {
                let entrance = self.neon_entrance()?;
                let found = entrance.client.shared().all_databases(&branch.project, &branch.id, budget).await;
                let found = match found {
                    Ok(found) => found,
                    Err(error) => return Err(entrance.absent_on(branch, error, budget).await),
                };
                found.iter().find(|it| it.id == id).map(|it| database_name(&it.name)).transpose()
            }
            (DatabaseKey::Oid(oid), _) => {
                let read = self.read_beside(was, budget, "reading databases", |it| async move {
                    postgres::database::name_of(&it, oid).await
                });
                Ok(read.await?.flatten())
            }
            (DatabaseKey::Api(_), Server::Direct) => Ok(None),
        }
    }
}
