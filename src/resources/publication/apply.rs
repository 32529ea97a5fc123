//! The transactions of a publication. Each reads what is there and applies the difference to what is wanted.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use tfplugin::{AttributePath, Diagnostics, path};

use super::messages;
use super::model::Model;
use crate::checks::tables_have_identity;
use crate::handler::{Db, Stop};
use crate::postgres::publication::{self, Definition, Publication};
use crate::postgres::{self, Connection, Kind, PublicationName, SlotName, TableName, settings, slot, table, walsender};
use crate::target::{Company, PublicationId};

/// Creates the publication, or adopts one.
pub(super) async fn create(db: &Db<'_>, plan: &Model, name: &PublicationName) -> Result<Publication, Diagnostics> {
    plan.check_identities_at(db.at())?;
    let want = plan.definition()?;
    let done = db
        .transaction(&plan.connect_as, async |tx, attempt| {
            let found = publication::read(&tx, name).await?;
            if let Some(ours) = found.as_ref().filter(|it| attempt.after_lost_commit && it.is(&want)) {
                return Ok(ours.clone());
            }
            unless_unpublishable(&tx, name, &want, found.as_ref()).await?;
            match found {
                Some(_) if !plan.adopt.is_true() => return Err(messages::exists(db.at(), name).into()),
                Some(have) => {
                    unless_must_be_replaced(plan, name, &have, &want)?;
                    change(&tx, &have, &want).await?;
                    let comment = publication::read_comment(&tx, name).await?.adopted(None);
                    tx.run(&publication::comment(name, &comment)).await?;
                }
                None => drop(tx.run(&publication::create(name, &want)).await?),
            }
            read_back(&tx, name).await
        })
        .await;
    let found = match done {
        Err(stop) if stop.kind() == Some(Kind::AlreadyExists) => return Err(messages::exists(db.at(), name).into()),
        done => done.map_err(|stop| stop.explain(db.call(), |error| at(error, &want)))?,
    };
    db.call().claim(&id(db, name));
    Ok(found)
}

/// Changes it to what is planned.
pub(super) async fn update(db: &Db<'_>, plan: &Model, name: &PublicationName) -> Result<Publication, Diagnostics> {
    let want = plan.definition()?;
    db.transaction(&plan.connect_as, async |tx, _| {
        let have = publication::read(&tx, name).await?.ok_or_else(|| messages::gone(name))?;
        unless_must_be_replaced(plan, name, &have, &want)?;
        unless_unpublishable(&tx, name, &want, Some(&have)).await?;
        change(&tx, &have, &want).await?;
        read_back(&tx, name).await
    })
    .await
    .map_err(|stop| stop.explain(db.call(), |error| at(error, &want)))
}

/// Drops it, unless it was adopted, or a consumer streams from it.
pub(super) async fn delete(db: &Db<'_>, state: &Model, name: &PublicationName) -> Result<(), Diagnostics> {
    let call = db.call();
    if call.is_held_by_another(&id(db, name)) {
        call.cx().warn(messages::kept_for_another(name));
        return Ok(());
    }
    let Some(mut session) = db.remover(&state.connect_as, Company::Shared).await? else { return Ok(()) };
    let removed = db
        .transaction_on(&mut session, async |tx, _| {
            let Some(have) = publication::read(&tx, name).await? else { return Ok(Removed::Gone) };
            if state.adopted.is_true() || have.marks.is_adopted() {
                return Ok(Removed::Kept);
            }
            let streaming = walsender::read_all(&tx).await?.into_iter().filter(|it| it.may_stream(name));
            let streaming: Vec<String> = streaming.map(|it| format!("- {it}")).collect();
            if !streaming.is_empty() && !state.force_destroy.is_true() {
                return Err(messages::streamed(name, &streaming).into());
            }
            let slots = slot::read_all(&tx).await?;
            let idle = slots.into_values().filter(|it| it.is(&db.at().name, "pgoutput") && !it.active);
            let idle: BTreeSet<SlotName> = idle.map(|it| it.name).collect();
            tx.run(&publication::drop(name)).await?;
            Ok(Removed::Dropped(idle))
        })
        .await;
    let warning = match removed {
        Ok(Removed::Kept) => Some(messages::kept_adopted(name)),
        Ok(Removed::Dropped(idle)) if !idle.is_empty() => Some(messages::slots_may_be_stuck(name, &idle)),
        Ok(Removed::Gone | Removed::Dropped(_)) => None,
        Err(stop) if stop.kind() == Some(Kind::UndefinedObject) => None,
        Err(stop) => return Err(stop.explain(call, |_| AttributePath::root())),
    };
    call.release(&id(db, name));
    warning.into_iter().for_each(|it| call.cx().warn(it));
    Ok(())
}

enum Removed {
    Gone,
    Kept,
    Dropped(BTreeSet<SlotName>),
}

fn id(db: &Db<'_>, name: &PublicationName) -> PublicationId {
    PublicationId { database: db.at().clone(), name: name.clone() }
}

fn unless_must_be_replaced(
    plan: &Model,
    name: &PublicationName,
    have: &Publication,
    want: &Definition,
) -> Result<(), Stop> {
    if have.must_be_replaced_for(want) && !plan.allow_replace.is_true() {
        return Err(messages::must_be_replaced(name, have).into());
    }
    Ok(())
}

async fn change(tx: &Connection, have: &Publication, want: &Definition) -> postgres::Result<()> {
    let statements = if have.must_be_replaced_for(want) {
        let (comment, me) = try_join(publication::read_comment(tx, &have.name), settings::read(tx)).await?;
        publication::replace(have, &comment.continuing(have.oid, None), want, &me.current_user)
    } else {
        publication::alter(have, want)
    };
    if !statements.is_empty() {
        tx.run(&statements).await?;
    }
    Ok(())
}

async fn read_back(tx: &Connection, name: &PublicationName) -> Result<Publication, Stop> {
    let found = publication::read(tx, name).await?;
    let missing = || postgres::Error::new(Kind::Decode, format!("publication `{name}` was created and is not there"));
    found.ok_or_else(|| missing().into())
}

/// Refuses what the server would refuse, or what would break the application, with the names of the tables. What is
/// published already was broken before, and is not refused.
async fn unless_unpublishable(
    tx: &Connection,
    name: &PublicationName,
    want: &Definition,
    have: Option<&Publication>,
) -> Result<(), Stop> {
    if want.tables.is_empty() {
        return Ok(());
    }
    let listed: BTreeSet<TableName> = want.tables.keys().cloned().collect();
    let tables = table::read(tx, &listed).await?;
    let missing: BTreeSet<&TableName> = listed.iter().filter(|it| tables.get(it).is_none()).collect();
    if !missing.is_empty() {
        return Err(messages::missing_tables(&missing).into());
    }
    let refused: Vec<String> = listed
        .iter()
        .filter_map(|it| tables.get(it))
        .filter_map(|it| Some(format!("- `{}`: {}", it.name, it.why_not_publishable()?)))
        .collect();
    if !refused.is_empty() {
        return Err(messages::not_publishable(&refused).into());
    }
    let needed: BTreeSet<_> = want.publish.iter().copied().filter(|it| it.needs_identity()).collect();
    if needed.is_empty() {
        return Ok(());
    }
    let before = have.filter(|it| needed.is_subset(&it.publish));
    let new = listed.iter().filter(|it| before.is_none_or(|have| !have.tables.contains_key(it)));
    let broken: BTreeSet<String> =
        new.flat_map(|it| tables_have_identity::unidentified(&tables, it)).map(|it| it.name.to_string()).collect();
    if broken.is_empty() { Ok(()) } else { Err(messages::without_identity(name, &broken).into()) }
}

/// The attribute that the user should look at.
fn at(error: &postgres::Error, want: &Definition) -> AttributePath {
    match error.kind() {
        Kind::UndefinedTable | Kind::UndefinedSchema | Kind::WrongObject => path!(tables),
        Kind::InsufficientPrivilege if want.all_tables => path!(all_tables),
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => AttributePath::root(),
    }
}
