//! The transactions of a replica identity. Each reads what is there, and what would break, first.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use tfplugin::{Diagnostic, Diagnostics, path};

use super::Model;
use crate::checks::mode_serves_publications;
use crate::context::Context;
use crate::postgres::publisher::{self, Publisher};
use crate::postgres::replica_identity::{self, Mode};
use crate::postgres::table::{self, Kind, Table};
use crate::postgres::{self, ColumnName, Connection, ServerVersion, TableName};
use crate::resources::access::{Company, refused, remover, session, settled, unless_cancelled, writer};
use crate::session::{self, Place};

pub(super) fn has_identity(table: &Table) -> bool {
    matches!(table.kind, Kind::Table | Kind::Partitioned)
}

/// What came of a transaction that may find that it should not.
pub(super) enum Outcome {
    /// Set; this is what the table had before.
    Done(Mode),
    /// Nothing was changed.
    Refused(Diagnostic),
}

/// The facts on one table.
pub(super) struct Facts {
    pub(super) table: Table,
    publishers: Vec<Publisher>,
    pub(super) index_valid: bool,
    index_columns: BTreeSet<ColumnName>,
    version: ServerVersion,
}

pub(super) async fn facts(connection: &Connection, name: &TableName, mode: &Mode) -> postgres::Result<Option<Facts>> {
    let tables = table::read(connection, &BTreeSet::from([name.clone()])).await?;
    let Some(table) = tables.get(name).cloned() else { return Ok(None) };
    // The identity of a partitioned table itself is never used: its partitions hold the rows.
    let publishers = if table.kind == Kind::Table {
        publisher::read(connection, &[table.oid].into()).await?.remove(&table.oid).unwrap_or_default()
    } else {
        Vec::new()
    };
    let index = match mode {
        Mode::Index(Some(index)) => replica_identity::indexes(connection, table.oid).await?.remove(index),
        _ => None,
    };
    let index = index.filter(|it| it.why_unsuitable().is_none());
    let (index_valid, version) = (index.is_some(), connection.version());
    let index_columns = index.map(|it| it.columns).unwrap_or_default();
    Ok(Some(Facts { table, publishers, index_valid, index_columns, version }))
}

/// Sets the mode unless a publication of the table could not use it.
pub(super) async fn set(
    cx: &Context,
    place: &Place,
    plan: &Model,
    table: &TableName,
    mode: &Mode,
    doing: &str,
) -> Result<Outcome, Diagnostics> {
    let mut connection = writer(cx, place, &plan.connect_as, doing).await?;
    let lost = AtomicBool::new(false);
    let before = Mutex::new(None);
    let done = settled(&mut connection, &lost, async |tx| {
        unless_cancelled(cx)?;
        let Some(facts) = facts(&tx, table, mode).await? else { return Ok(Outcome::Refused(not_there(table))) };
        if let Some(problem) = unsuitable(&tx, &facts, table, mode).await? {
            return Ok(Outcome::Refused(problem));
        }
        let unserved = unserved(&facts, mode);
        if !unserved.is_empty() && facts.table.identity != *mode {
            let advice = "Change the publication first, or choose another mode.";
            return Ok(Outcome::Refused(would_break(doing, table, mode, &unserved, advice)));
        }
        tx.run(&replica_identity::alter(table, &facts.table.identity, mode)).await?;
        // Should this run again after a lost COMMIT, the first look counts.
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Outcome::Done(before.get_or_insert(facts.table.identity).clone()))
    })
    .await;
    session(cx).wrote(place);
    done.map_err(|error| refused(doing, &error, path!(table)))
}

/// Gives back what was there before.
pub(super) async fn restore(
    cx: &Context,
    place: &Place,
    state: &Model,
    table: &TableName,
    original: &Mode,
) -> Result<Outcome, session::Error> {
    let doing = format!("restore replica identity of `{table}`");
    let mut connection = remover(cx, place, &state.connect_as, &doing, Company::Shared).await?;
    let lost = AtomicBool::new(false);
    let done = settled(&mut connection, &lost, async |tx| {
            unless_cancelled(cx)?;
            let Some(facts) = facts(&tx, table, original).await? else { return Ok((Outcome::Done(original.clone()), false)) };
            if facts.table.identity == *original {
                return Ok((Outcome::Done(original.clone()), false));
            }
            if matches!(original, Mode::Index(_)) && !facts.index_valid {
                return Ok((Outcome::Done(original.clone()), true));
            }
            let unserved = unserved(&facts, original);
            if !unserved.is_empty() {
                let advice = "Terraform removes before it changes: take the table out of the publication in a run of its own, \
                          then remove this resource; or give this resource `lifecycle { create_before_destroy = true }`, \
                          which turns that order. A whole destroy is in order by the publication's `replica_identity_id`. \
                          Or let the table keep its identity, `on_destroy = \"keep\"` (apply that first).";
                return Ok((Outcome::Refused(would_break(&doing, table, original, &unserved, advice)), false));
            }
            tx.run(&replica_identity::alter(table, &facts.table.identity, original)).await?;
            Ok((Outcome::Done(original.clone()), false))
        })
    .await;
    session(cx).wrote(place);
    let (outcome, index_gone) = done?;
    if index_gone {
        cx.warn(Diagnostic::warning(
            format!("Table `{table}` keeps its replica identity"),
            "The index that it used before is not there any more, or cannot be used.",
        ));
    }
    Ok(outcome)
}

pub(super) fn unserved<'a>(facts: &'a Facts, mode: &Mode) -> Vec<(&'a postgres::PublicationName, &'static str)> {
    let table = facts.table.facts_as(mode, &facts.index_columns);
    mode_serves_publications::unserved(facts.version, &table, &facts.publishers)
}

/// Why the table cannot have that identity at all.
async fn unsuitable(
    connection: &Connection,
    facts: &Facts,
    table: &TableName,
    mode: &Mode,
) -> postgres::Result<Option<Diagnostic>> {
    if !has_identity(&facts.table) {
        let detail = format!("`{table}` is a {}. Only tables have a replica identity.", facts.table.kind.as_str());
        return Ok(Some(Diagnostic::error(format!("`{table}` has no replica identity"), detail).at(path!(table))));
    }
    let Mode::Index(Some(index)) = mode else { return Ok(None) };
    if facts.index_valid {
        return Ok(None);
    }
    let indexes = replica_identity::indexes(connection, facts.table.oid).await?;
    let why = match indexes.get(index) {
        None => format!("Table `{table}` has no index `{index}`"),
        Some(it) => format!("Index `{index}` cannot be used: {}", it.why_unsuitable().unwrap_or("it is not valid")),
    };
    let detail = format!(
        "{why}. A replica identity needs a unique index that is not partial, not deferrable and over columns that are NOT NULL."
    );
    Ok(Some(Diagnostic::error(format!("Index `{index}` cannot identify rows"), detail).at(path!(index_name))))
}

fn not_there(table: &TableName) -> Diagnostic {
    let detail = format!(
        "There is no table `{table}` in the database. Names are taken as they are written, with capitals.\n\nMake the table \
         first, or name one that is there. If the table was dropped outside, plan again."
    );
    Diagnostic::error(format!("Table `{table}` does not exist"), detail).at(path!(table))
}

fn would_break(
    doing: &str,
    table: &TableName,
    mode: &Mode,
    unserved: &[(&postgres::PublicationName, &'static str)],
    advice: &str,
) -> Diagnostic {
    let detail =
        format!("{} Nothing was changed.\n\n{advice}", mode_serves_publications::sentence(table, mode, unserved));
    Diagnostic::error(format!("Cannot {doing}: a publication needs it"), detail).at(path!(mode))
}
