//! The transactions of a publication. Each reads what is there now and applies the difference to what is wanted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::try_join;
use tfplugin::{AttributePath, Diagnostic, Diagnostics, path};

use super::{IMPORT, Model, id};
use crate::checks::tables_have_identity;
use crate::context::Context;
use crate::explain;
use crate::postgres::publication::{self, Definition, Publication};
use crate::postgres::{self, Connection, Kind, PublicationName, SlotName, TableName, settings, slot, table, walsender};
use crate::resources::access::{Company, enumerate, refused, remover, session, settled, unless_cancelled, writer};
use crate::session::{Error, Place};

/// What a transaction came to: what is there now, or why nothing was changed.
type Outcome<T> = Result<T, Diagnostics>;

/// Makes the publication, or takes one over.
pub(super) async fn create(
    cx: &Context,
    place: &Place,
    plan: &Model,
    name: &PublicationName,
    doing: &str,
) -> Result<Publication, Diagnostics> {
    let want = plan.definition()?;
    let mut connection = writer(cx, place, &plan.connect_as, doing).await?;
    let lost = AtomicBool::new(false);
    let done = settled(&mut connection, &lost, async |tx| {
        unless_cancelled(cx)?;
        let found = publication::read(&tx, name).await?;
        if let Some(ours) = found.as_ref().filter(|it| lost.load(Ordering::Relaxed) && it.is(&want)) {
            return Ok(Ok(ours.clone()));
        }
        if let Err(problem) = unpublishable(&tx, name, &want, found.as_ref()).await? {
            return Ok(Err(problem));
        }
        match found {
            Some(_) if !plan.adopt.is_true() => return Ok(Err(exists(place, name).into())),
            Some(have) => {
                if have.must_be_replaced_for(&want) && !plan.allow_replace.is_true() {
                    return Ok(Err(must_be_replaced(name, &have).into()));
                }
                change(&tx, &have, &want).await?;
                let comment = publication::read_comment(&tx, name).await?.adopted(None);
                tx.run(&publication::comment(name, &comment)).await?;
            }
            None => drop(tx.run(&publication::create(name, &want)).await?),
        }
        made(&tx, name).await
    })
    .await;
    session(cx).wrote(place);
    match done {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == Kind::AlreadyExists => Err(exists(place, name).into()),
        Err(error) => Err(refused(doing, &error, at(&error, &want))),
    }
}

/// Leads it to what is planned.
pub(super) async fn update(
    cx: &Context,
    place: &Place,
    plan: &Model,
    name: &PublicationName,
    doing: &str,
) -> Result<Publication, Diagnostics> {
    let want = plan.definition()?;
    let mut connection = writer(cx, place, &plan.connect_as, doing).await?;
    let lost = AtomicBool::new(false);
    let done = settled(&mut connection, &lost, async |tx| {
        unless_cancelled(cx)?;
        let Some(have) = publication::read(&tx, name).await? else { return Ok(Err(gone(name).into())) };
        if have.must_be_replaced_for(&want) && !plan.allow_replace.is_true() {
            return Ok(Err(must_be_replaced(name, &have).into()));
        }
        if let Err(problem) = unpublishable(&tx, name, &want, Some(&have)).await? {
            return Ok(Err(problem));
        }
        change(&tx, &have, &want).await?;
        made(&tx, name).await
    })
    .await;
    session(cx).wrote(place);
    match done {
        Ok(outcome) => outcome,
        Err(error) => Err(refused(doing, &error, at(&error, &want))),
    }
}

/// Drops it, unless it was taken over, or a consumer streams from it.
pub(super) async fn delete(
    cx: &Context,
    place: &Place,
    state: &Model,
    name: &PublicationName,
) -> Result<Result<(), Diagnostics>, Error> {
    let doing = format!("delete publication `{name}`");
    let mut connection = remover(cx, place, &state.connect_as, &doing, Company::Shared).await?;
    let adopted = state.adopted.is_true();
    let force = state.force_destroy.is_true();
    let lost = AtomicBool::new(false);
    let done = settled(&mut connection, &lost, async |tx| {
        unless_cancelled(cx)?;
        let Some(have) = publication::read(&tx, name).await? else { return Ok(Ok(Removed::Gone)) };
        if adopted || have.marks.is_adopted() {
            return Ok(Ok(Removed::Kept));
        }
        let streaming = walsender::read_all(&tx).await?.into_iter().filter(|it| it.may_stream(name));
        let streaming: Vec<String> = streaming.map(|it| format!("- {it}")).collect();
        if !streaming.is_empty() && !force {
            return Ok(Err(streamed(name, &streaming).into()));
        }
        let database = &place.database;
        let slots = slot::read_all(&tx).await?;
        let idle = slots.into_values().filter(|it| it.is(database, "pgoutput") && !it.active);
        let idle: BTreeSet<SlotName> = idle.map(|it| it.name).collect();
        tx.run(&publication::drop(name)).await?;
        Ok(Ok(Removed::Dropped(idle)))
    })
    .await;
    let done = match done {
        Err(error) if error.kind() == Kind::UndefinedObject => Ok(Ok(Removed::Gone)),
        done => done,
    };
    session(cx).wrote(place);
    match done {
        Ok(Ok(removed)) => {
            if let Some(warning) = removed.warning(name) {
                cx.warn(warning);
            }
            Ok(Ok(()))
        }
        Ok(Err(problem)) => Ok(Err(problem)),
        Err(error) => Ok(Err(explain::postgres(&doing, &error).into())),
    }
}

enum Removed {
    Gone,
    Kept,
    Dropped(BTreeSet<SlotName>),
}

impl Removed {
    fn warning(&self, name: &PublicationName) -> Option<Diagnostic> {
        match self {
            Self::Dropped(idle) if !idle.is_empty() => Some(Diagnostic::warning(
                format!("Slots may be left without publication `{name}`"),
                format!(
                    "Of the same database, and without a consumer now: {}. One whose consumer asks for `{name}` is stuck from \
                     here on, and keeps WAL: drop it (`SELECT pg_drop_replication_slot('…')`) if it was for this publication.",
                    enumerate(idle)
                ),
            )),
            Self::Kept => Some(Diagnostic::warning(
                format!("Publication `{name}` was kept"),
                "It was there before and was taken over (`adopt`), so it is not dropped: it was dropped from the state only.",
            )),
            Self::Gone | Self::Dropped(_) => None,
        }
    }
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

async fn made(tx: &Connection, name: &PublicationName) -> postgres::Result<Outcome<Publication>> {
    let found = publication::read(tx, name).await?;
    found
        .map(Ok)
        .ok_or_else(|| postgres::Error::new(Kind::Decode, format!("publication `{name}` was made and is not there")))
}

/// What the server would refuse, or would break the application, told with the names of the tables. What is published
/// already was broken before, and is not refused.
async fn unpublishable(
    tx: &Connection,
    name: &PublicationName,
    want: &Definition,
    have: Option<&Publication>,
) -> postgres::Result<Result<(), Diagnostics>> {
    if want.tables.is_empty() {
        return Ok(Ok(()));
    }
    let listed: BTreeSet<TableName> = want.tables.keys().cloned().collect();
    let tables = table::read(tx, &listed).await?;
    let missing: BTreeSet<&TableName> = listed.iter().filter(|it| tables.get(it).is_none()).collect();
    if !missing.is_empty() {
        return Ok(Err(missing_tables(&missing).into()));
    }
    let refused: Vec<String> = listed
        .iter()
        .filter_map(|it| tables.get(it))
        .filter_map(|it| Some(format!("- `{}`: {}", it.name, it.why_not_publishable()?)))
        .collect();
    if !refused.is_empty() {
        let detail = format!("The server does not publish:\n{}\n\nTake them out of `tables`.", refused.join("\n"));
        return Ok(Err(Diagnostic::error("Some tables cannot be published", detail).at(path!(tables)).into()));
    }
    let needed: BTreeSet<_> = want.publish.iter().copied().filter(|it| it.needs_identity()).collect();
    if needed.is_empty() {
        return Ok(Ok(()));
    }
    let before = have.filter(|it| needed.is_subset(&it.publish));
    let new = listed.iter().filter(|it| before.is_none_or(|have| !have.tables.contains_key(it)));
    let broken: BTreeSet<String> =
        new.flat_map(|it| tables_have_identity::unidentified(&tables, it)).map(|it| it.name.to_string()).collect();
    if broken.is_empty() {
        return Ok(Ok(()));
    }
    let detail = format!("{}\n\nNothing was changed.", tables_have_identity::detail(name, &broken));
    Ok(Err(Diagnostic::error(tables_have_identity::summary(&broken), detail).at(path!(tables)).into()))
}

fn missing_tables(missing: &BTreeSet<&TableName>) -> Diagnostic {
    let summary = match missing.first() {
        Some(one) if missing.len() == 1 => format!("Table `{one}` does not exist"),
        _ => format!("{} tables do not exist", missing.len()),
    };
    let detail = format!(
        "Not found in the database: {}. Names are taken as they are written, with capitals; a table without `schema` is one of \
         `public`.\n\nMake them before the publication, or take them out of `tables`.",
        enumerate(missing)
    );
    Diagnostic::error(summary, detail).at(path!(tables))
}

fn exists(place: &Place, name: &PublicationName) -> Diagnostic {
    let detail = format!(
        "There is a publication of this name in {place}.\n\nTo manage it from here, import it by the id `{}` (form `{IMPORT}`), \
         or set `adopt = true`: it is then changed to what is configured, and never dropped.\n\nIf this resource replaces one of \
         the same name with `create_before_destroy`, the old one is still there: give the new one another name.",
        id(place, name)
    );
    Diagnostic::error(format!("Publication `{name}` already exists"), detail).at(path!(name))
}

fn gone(name: &PublicationName) -> Diagnostic {
    let detail = "It was there when the plan was made and is not there now: somebody dropped or renamed it. Nothing was \
                  changed.\n\nPlan again.";
    Diagnostic::error(format!("Publication `{name}` is gone"), detail)
}

fn must_be_replaced(name: &PublicationName, have: &Publication) -> Diagnostic {
    let kind = if have.all_tables { "all tables" } else { "a list of tables" };
    let detail = format!(
        "It is one of {kind}, and there is no ALTER from that to what is wanted. Nothing was changed.\n\nSet `allow_replace = \
         true` to have it dropped and created in one transaction, in which slots behind it lose nothing."
    );
    Diagnostic::error(format!("Publication `{name}` would have to be dropped and created"), detail)
        .at(path!(all_tables))
}

fn streamed(name: &PublicationName, streaming: &[String]) -> Diagnostic {
    let detail = format!(
        "These receive it, or may, for not every command can be read:\n{}\n\nWithout its publication a consumer ends in an error \
         loop, on Postgres 18 it receives nothing more. Nothing was changed.\n\nStop the consumer first, or apply \
         `force_destroy = true` before the destroy.",
        streaming.join("\n")
    );
    Diagnostic::error(format!("A consumer streams from publication `{name}`"), detail)
}

/// Where the user should look.
fn at(error: &postgres::Error, want: &Definition) -> AttributePath {
    match error.kind() {
        Kind::UndefinedTable | Kind::UndefinedSchema | Kind::WrongObject => path!(tables),
        Kind::InsufficientPrivilege if want.all_tables => path!(all_tables),
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => AttributePath::root(),
    }
}
