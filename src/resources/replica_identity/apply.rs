//! The transactions of a replica identity. Each reads what is there, and what would break, first.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join3;
use tfplugin::{Attr, AttributePath, Diagnostics, path};

use super::messages;
use super::model::Model;
use super::private::TABLE;
use crate::checks::mode_serves_publications;
use crate::handler::ownership::{self, Touched};
use crate::handler::{Db, Stop};
use crate::postgres::Usage;
use crate::postgres::publisher::{self, Publisher};
use crate::postgres::replica_identity::{self, Mode};
use crate::postgres::table::{self, Kind, Table};
use crate::postgres::{self, ColumnName, Connection, PublicationName, RoleName, ServerVersion, TableName};
use crate::target::ReplicaIdentityId;

/// What came of setting a mode.
#[derive(Clone, Debug)]
pub(super) struct Set {
    /// What the table had before.
    pub(super) before: Mode,
    pub(super) found: Table,
}

/// Views and foreign tables have none.
pub(super) fn has_identity(table: &Table) -> bool {
    matches!(table.kind, Kind::Table | Kind::Partitioned)
}

/// What decides whether a table can have a mode.
pub(super) struct Facts {
    pub(super) table: Table,
    publishers: Vec<Publisher>,
    pub(super) index_valid: bool,
    index_columns: BTreeSet<ColumnName>,
    version: ServerVersion,
}

impl Facts {
    /// `None`: there is no such table.
    pub(super) async fn read(tx: &Connection, name: &TableName, mode: &Mode) -> postgres::Result<Option<Self>> {
        let names = BTreeSet::from([name.clone()]);
        let indexes = async {
            match mode {
                Mode::Index(Some(_)) => replica_identity::indexes(tx, name).await,
                _ => Ok(BTreeMap::new()),
            }
        };
        // The identity of a partitioned table is never used: its partitions hold the rows.
        let reads = try_join3(table::read(tx, &names), publisher::read_named(tx, name), indexes);
        let (tables, publishers, mut indexes) = reads.await?;
        let Some(table) = tables.get(name).cloned() else { return Ok(None) };
        let index = match mode {
            Mode::Index(Some(index)) => indexes.remove(index),
            _ => None,
        };
        let index = index.filter(|it| it.why_unsuitable().is_none());
        let (index_valid, version) = (index.is_some(), tx.version());
        let index_columns = index.map(|it| it.columns).unwrap_or_default();
        Ok(Some(Self { table, publishers, index_valid, index_columns, version }))
    }

    /// The same for a table that may have been renamed since its OID was recorded.
    async fn read_renamed(
        tx: &Connection,
        name: &TableName,
        oid: Option<u32>,
        mode: &Mode,
    ) -> postgres::Result<Option<Self>> {
        let found = Self::read(tx, name, mode).await?;
        let Some(oid) = oid.filter(|_| found.is_none()) else { return Ok(found) };
        let tables = table::read_all(tx).await?;
        let Some(now) = tables.get_by_oid(oid) else { return Ok(None) };
        Self::read(tx, &now.name, mode).await
    }

    /// The publications that could not use the mode.
    pub(super) fn unserved(&self, mode: &Mode) -> Vec<(&PublicationName, &'static str)> {
        let table = self.table.facts_as(mode, &self.index_columns);
        mode_serves_publications::unserved(self.version, &table, &self.publishers)
    }
}

/// Sets the mode, and claims the replica identity for this instance.
pub(super) async fn create(db: &Db<'_>, plan: &Model, table: &TableName) -> Result<Set, Diagnostics> {
    set(db, plan, table, true).await
}

/// Sets the mode again, or another one.
pub(super) async fn update(db: &Db<'_>, plan: &Model, table: &TableName) -> Result<Set, Diagnostics> {
    set(db, plan, table, false).await
}

async fn set(db: &Db<'_>, plan: &Model, table: &TableName, claims: bool) -> Result<Set, Diagnostics> {
    let mode = plan.mode()?;
    // After a lost COMMIT the work runs again and finds its own mode: what the first run found was there before.
    let first = std::sync::OnceLock::new();
    let done = db
        .transaction(&plan.connect_as, async |tx, _| {
            let facts = Facts::read(&tx, table, &mode).await?.ok_or_else(|| messages::missing_table(table))?;
            unless_unsuitable(&tx, &facts, &mode).await?;
            let unserved = facts.unserved(&mode);
            if !unserved.is_empty() && facts.table.identity != mode {
                return Err(messages::unserved(table, &mode, &unserved).into());
            }
            let (statements, names) =
                (replica_identity::alter(table, &facts.table.identity, &mode), BTreeSet::from([table.clone()]));
            let (_, found) = tx.run_and(&statements, table::read(&tx, &names)).await?;
            if claims {
                db.call().claim(&id(db, table));
            }
            let found = found.get(table).cloned().ok_or_else(|| messages::missing_table(table))?;
            Ok(Set { before: first.get_or_init(|| facts.table.identity).clone(), found })
        })
        .await;
    match done {
        Ok(set) => Ok(set),
        Err(stop) => {
            if claims {
                db.call().release(&id(db, table));
            }
            Err(refused(db, &plan.connect_as, table, stop).await)
        }
    }
}

/// The message of a failed transaction.
async fn refused(db: &Db<'_>, connect_as: &Attr<RoleName>, table: &TableName, stop: Stop) -> Diagnostics {
    if let Stop::Server(error) = &stop {
        let touched = Touched { publication: None, tables: &BTreeSet::from([table.clone()]) };
        if let Some(told) = ownership::refused(db, connect_as, error, &touched, path!(connect_as)).await {
            return told;
        }
    }
    stop.explain(db.call(), at)
}

/// Restores what the table had before, and says so where that cannot be done.
pub(super) async fn restore(db: &Db<'_>, state: &Model, table: &TableName) -> Result<(), Diagnostics> {
    let call = db.call();
    if call.is_held_by_another(&id(db, table)) {
        call.cx().warn(messages::kept_for_another(table));
        return Ok(());
    }
    let Some(original) = state.original() else {
        call.leaves(&id(db, table));
        call.cx().warn(messages::kept_after_import(table));
        return Ok(());
    };
    let oid: Option<u32> = call.cx().private().get(TABLE);
    let Some(mut session) = db.remover(&state.connect_as, Usage::Write).await? else { return Ok(()) };
    let restored = db
        .transaction_on(&mut session, async |tx, _| {
            let Some(facts) = Facts::read_renamed(&tx, table, oid, &original).await? else { return Ok(true) };
            if facts.table.identity == original {
                return Ok(true);
            }
            if matches!(original, Mode::Index(_)) && !facts.index_valid {
                return Ok(false);
            }
            let unserved = facts.unserved(&original);
            if !unserved.is_empty() {
                return Err(messages::still_needed(table, &original, &unserved).into());
            }
            tx.at_commit(replica_identity::alter(&facts.table.name, &facts.table.identity, &original));
            Ok(true)
        })
        .await;
    let restored = match restored {
        Ok(restored) => restored,
        Err(stop) => return Err(refused(db, &state.connect_as, table, stop).await),
    };
    call.release(&id(db, table));
    if let (false, Mode::Index(index)) = (restored, &original) {
        call.cx().warn(messages::kept_without_index(table, index.as_ref()));
    }
    Ok(())
}

fn id(db: &Db<'_>, table: &TableName) -> ReplicaIdentityId {
    ReplicaIdentityId { database: db.at().clone(), table: table.clone() }
}

/// Refuses a mode that the table cannot have, with better words than the server's.
async fn unless_unsuitable(tx: &Connection, facts: &Facts, mode: &Mode) -> Result<(), Stop> {
    let Table { name, kind, .. } = &facts.table;
    if !has_identity(&facts.table) {
        return Err(messages::not_a_table(name, *kind).into());
    }
    let Mode::Index(Some(index)) = mode else { return Ok(()) };
    if facts.index_valid {
        return Ok(());
    }
    let indexes = replica_identity::indexes(tx, name).await?;
    let why = indexes.get(index).map(|it| it.why_unsuitable().unwrap_or("it is not valid"));
    Err(messages::unsuitable_index(name, index, why).into())
}

/// The attribute that the user should look at.
fn at(_: &postgres::Error) -> AttributePath {
    path!(table)
}
