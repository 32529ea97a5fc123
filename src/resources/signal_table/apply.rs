//! The transactions of a signal table.

use std::sync::atomic::{AtomicBool, Ordering};

use tfplugin::{AttributePath, Diagnostics, path};

use super::messages;
use super::model::Model;
use super::private::{Known, TABLE};
use crate::handler::Db;
use crate::postgres::signal_table::{self, Misfit, Shape, SignalTable};
use crate::postgres::{self, Connection, Kind, TableName, Usage, advisory_lock, table};
use crate::target::SignalTableId;

/// Creates the table, or takes one that fits as it is. The second: whether it was created.
pub(super) async fn create(
    db: &Db<'_>,
    plan: &Model,
    table: &TableName,
    shape: Shape,
) -> Result<(SignalTable, bool), Diagnostics> {
    // Whether the last attempt created it. After a lost COMMIT the next one finds that table.
    let created = AtomicBool::new(false);
    let done = db
        .transaction(&plan.connect_as, async |tx, attempt| {
            // In turn with grants: one on the whole schema that ran beside this would miss the table, and the table its default privileges.
            let (_, before) = tx.run_and(&advisory_lock::take(), signal_table::read(&tx, table)).await?;
            let ours = before.is_none() || (attempt.after_lost_commit && created.load(Ordering::Relaxed));
            let found = if let Some(found) = before {
                found
            } else {
                let statements = [signal_table::create(table, shape)];
                let (_, found) = tx.run_and(&statements, signal_table::read(&tx, table)).await?;
                found.ok_or_else(|| missing(table))?
            };
            if let Some(misfit) = shape.misfit(&found) {
                return Err(messages::does_not_fit(table, shape, &misfit).into());
            }
            db.call().claim(&id(db, table));
            created.store(ours, Ordering::Relaxed);
            Ok((found, ours))
        })
        .await;
    done.map_err(|stop| {
        db.call().release(&id(db, table));
        stop.explain(db.call(), at)
    })
}

/// Drops the table if it is the one that the resource created, and is still what it was created as.
pub(super) async fn delete(db: &Db<'_>, state: &Model, table: &TableName, shape: Shape) -> Result<(), Diagnostics> {
    let call = db.call();
    if call.is_held_by_another(&id(db, table)) {
        call.cx().warn(messages::kept_for_another(table));
        return Ok(());
    }
    let known: Option<Known> = call.cx().private().get(TABLE);
    let Some(mut session) = db.remover(&state.connect_as, Usage::Write).await? else { return Ok(()) };
    let done = db
        .transaction_on(&mut session, async |tx, _| {
            let Some(found) = read_renamed(&tx, table, known).await? else { return Ok(None) };
            let kept = why_kept(&found, shape, known);
            if kept.is_none() {
                tx.at_commit(vec![signal_table::drop(&found.name)]);
            }
            Ok(kept)
        })
        .await;
    let kept = match done {
        Ok(kept) => kept,
        Err(stop) if stop.kind() == Some(Kind::UndefinedTable) => None,
        Err(stop) => return Err(stop.explain(call, at)),
    };
    call.release(&id(db, table));
    if let Some(kept) = kept {
        call.cx().warn(match kept {
            Kept::ExistedBefore => messages::kept_as_it_existed_before(table),
            Kept::Recreated => messages::kept_as_recreated(table),
            Kept::Changed(misfit) => messages::kept_as_changed(table, &misfit),
        });
    }
    Ok(())
}

/// Why a destroy keeps a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    ExistedBefore,
    Recreated,
    Changed(Misfit),
}

/// `None`: the table is ours to drop.
pub(super) fn why_kept(found: &SignalTable, shape: Shape, known: Option<Known>) -> Option<Kept> {
    match known {
        Some(known) if !known.ours => return Some(Kept::ExistedBefore),
        Some(known) if known.oid != found.oid => return Some(Kept::Recreated),
        _ => {}
    }
    shape.misfit(found).map(Kept::Changed)
}

/// The table of that name; or, if it was renamed since its OID was recorded, under its new one.
async fn read_renamed(
    tx: &Connection,
    name: &TableName,
    known: Option<Known>,
) -> postgres::Result<Option<SignalTable>> {
    let found = signal_table::read(tx, name).await?;
    let (None, Some(known)) = (&found, known) else { return Ok(found) };
    let tables = table::read_all(tx).await?;
    let Some(now) = tables.get_by_oid(known.oid) else { return Ok(None) };
    signal_table::read(tx, &now.name).await
}

fn id(db: &Db<'_>, table: &TableName) -> SignalTableId {
    SignalTableId { database: db.at().clone(), table: table.clone() }
}

fn missing(table: &TableName) -> postgres::Error {
    postgres::Error::new(Kind::Decode, format!("table `{table}` was created and is not there"))
}

/// The attribute that the user should look at.
fn at(error: &postgres::Error) -> AttributePath {
    match error.kind() {
        Kind::UndefinedSchema => path!(schema),
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => path!(name),
    }
}
