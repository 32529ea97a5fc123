//! What can be read of a server although one of its databases is gone or has another name: through another database.
//!
//! Databases and replication slots are listed in every database of a server (`pg_database`, `pg_replication_slots`).

use std::sync::Arc;

use super::Target;
use super::api_names::database_name;
use super::database::{Database, Server};
use super::error::Error;
use crate::neon::Budget;
use crate::postgres::{self, Connection, DatabaseName};

/// Databases that a server usually has from its beginning.
const USUAL: [&str; 2] = ["postgres", "template1"];

impl Target {
    /// Reads something of a server through any database other than the given one, which is gone; `None` when there is no
    /// other. Error: that of the first database that could not be entered, when none could.
    pub(crate) async fn read_beside<T, W, F>(
        &self,
        gone: &Database,
        budget: &Budget,
        purpose: &str,
        reads: W,
    ) -> Result<Option<T>, Error>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = postgres::Result<T>>,
    {
        let mut refused = None;
        for name in self.databases(&gone.server, budget).await? {
            if name == gone.name {
                continue;
            }
            let database = Database { server: gone.server.clone(), name };
            match self.read(&database, budget, purpose, &reads).await {
                Ok(read) => return Ok(Some(read)),
                Err(error) if error.is_gone() => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Names of databases that a server has, or may have where that cannot be asked.
    async fn databases(&self, server: &Server, budget: &Budget) -> Result<Vec<DatabaseName>, Error> {
        match server {
            Server::Neon(branch) => {
                let found = self.neon()?.list_databases(&branch.project, &branch.id, budget).await?;
                found.iter().map(|it| database_name(&it.name)).collect()
            }
            Server::Direct => USUAL.iter().map(|name| database_name(name)).collect(),
        }
    }
}
