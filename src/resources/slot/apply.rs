//! Creating, changing and dropping a slot. No transaction can undo either, so each step says what is left when it fails.

use std::time::Duration;

use tfplugin::{Diagnostics, Severity, path};

use super::messages;
use super::model::{Model, Seen};
use super::{PLUGIN, say_unknown_order};
use crate::handler::{Db, explain};
use crate::postgres::publication::{self, Publication};
use crate::postgres::slot::{self, NewSlot};
use crate::postgres::slot_creation::{self, Failure};
use crate::postgres::{self, Kind, PublicationName, SlotName};
use crate::target::{Company, PublicationId, SlotId};

/// Time to find out what is there once the time of the call is over.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Creates the slot, and proves that its publication was there before and is the same after.
pub(super) async fn create(
    db: &Db<'_>,
    plan: Model,
    name: &SlotName,
    publication: &PublicationId,
) -> Result<Model, Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    let refused = |error: &postgres::Error| call.refused(error, path!(name));
    let mut session = db.writer(&plan.connect_as, Company::Apart).await?;
    let taken = session.read(async |it| slot::read(&it, name).await).await.map_err(|error| refused(&error))?;
    if let Some(found) = taken {
        return Err(messages::exists(db.at(), &found).into());
    }
    let before = read_publication(&mut session, &publication.name).await.map_err(|error| refused(&error))?;
    let Some(before) = before else { return Err(messages::no_publication(publication).into()) };

    let new = NewSlot { name: name.clone(), plugin: PLUGIN.to_owned(), two_phase: false, failover: false };
    let created = slot_creation::create(&mut session, &new, cx.cancelled().cancelled()).await;
    call.target().wrote(&db.at().server);
    let model = plan.observed(db.at(), name, Seen::created_after(&before));
    if created.as_ref().is_ok() || created.as_ref().is_err_and(|failure| failure.found.is_some()) {
        call.claim(&id(db, name));
        cx.checkpoint(&model);
    }
    if let Err(failure) = created {
        return Err(not_created(db, &mut session, name, &failure).await);
    }
    session.allow(AFTERWARDS);
    match read_publication(&mut session, &publication.name).await {
        Ok(Some(after)) if after.oid == before.oid => Ok(model),
        Ok(_) => {
            let dropped = slot_creation::drop(&mut session, name, PLUGIN, false).await.is_ok();
            if dropped {
                call.release(&id(db, name));
                cx.forget_checkpoint();
            }
            Err(messages::changed_meanwhile(&publication.name, name, dropped).into())
        }
        // The slot is recorded; the next refresh compares the OIDs.
        Err(error) => {
            let doing = format!("read publication `{}` after creating slot `{name}`", publication.name);
            let warning = explain::postgres(&doing, &error);
            cx.warn(tfplugin::Diagnostic { severity: Severity::Warning, ..warning });
            Ok(model)
        }
    }
}

/// Why there is no slot, or none that can be relied on.
async fn not_created(db: &Db<'_>, session: &mut postgres::Session, name: &SlotName, failure: &Failure) -> Diagnostics {
    let call = db.call();
    match failure.error.kind() {
        Kind::AlreadyExists => {
            let found = session.read(async |it| slot::read(&it, name).await).await.ok().flatten();
            match found {
                Some(found) => messages::exists(db.at(), &found).into(),
                None => call.refused(&failure.error, path!(name)),
            }
        }
        Kind::NoFreeSlot => {
            let slots = session.read(async |it| slot::read_all(&it).await).await.unwrap_or_default();
            messages::no_free_slot(&failure.error, &slots).into()
        }
        Kind::NotInState => messages::is_off(&failure.error).into(),
        Kind::QueryCancelled | Kind::Timeout => {
            let waited = (!call.cx().cancelled().is_cancelled()).then(|| call.cx().timeout());
            messages::took_too_long(name, waited, failure).into()
        }
        _ => call.refused(&failure.error, path!(name)),
    }
}

/// Nothing of the slot changes on the server: what the plan says is compared with what is there.
pub(super) async fn update(
    db: &Db<'_>,
    prior: &Model,
    plan: Model,
    name: &SlotName,
    publication: &PublicationId,
) -> Result<Model, Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    // What concerns only the provider is recorded even if the rest is refused: a protected slot whose publication is gone
    // could never be dropped otherwise.
    cx.checkpoint(&Model {
        allow_recreate: plan.allow_recreate,
        deletion_protection: plan.deletion_protection,
        terminate_consumer: plan.terminate_consumer,
        connect_as: plan.connect_as.clone(),
        timeouts: plan.timeouts.clone(),
        ..prior.clone()
    });
    if publication.database != *db.at() {
        return Err(messages::other_database(prior, publication).into());
    }
    let mut session = db.writer(&plan.connect_as, Company::Shared).await?;
    let failed = |error: &postgres::Error| Diagnostics::from(explain::postgres(call.doing(), error));
    let found = session.read(async |it| slot::read(&it, name).await).await.map_err(|error| failed(&error))?;
    let found = found.filter(|it| it.is(&db.at().name, PLUGIN));
    let behind = read_publication(&mut session, &publication.name).await.map_err(|error| failed(&error))?;
    let is_same = prior.publication_id == plan.publication_id;
    let recorded = prior.publication_oid.known().copied().filter(|_| is_same);
    let seen = Seen::of(found.as_ref(), behind.as_ref(), is_same, recorded);
    if let Some(refusal) = messages::refusal(db.at(), name, Some(&publication.name), &seen) {
        return Err(refusal.into());
    }
    let Some(behind) = behind else { return Err(messages::no_publication(publication).into()) };
    if !is_same && !prior.publication_id.is_null() {
        let proved = session.read(async |it| slot::is_publication_proved_older(&it, behind.oid, name).await).await;
        if !proved.map_err(|error| failed(&error))? {
            return Err(messages::not_proved(&publication.name, name).into());
        }
    }
    drop(session);
    if prior.publication_id.is_null() {
        say_unknown_order(db, name, &behind).await;
    }
    Ok(plan.observed(db.at(), name, seen))
}

/// Drops the slot, once no consumer is connected to it.
pub(super) async fn delete(db: &Db<'_>, state: &Model, name: &SlotName) -> Result<(), Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    if call.is_held_by_another(&id(db, name)) {
        cx.warn(messages::kept_for_another(name));
        return Ok(());
    }
    let Some(mut session) = db.remover(&state.connect_as, Company::Apart).await? else { return Ok(()) };
    let found = session.read(async |it| slot::read(&it, name).await).await;
    match found.map_err(|error| explain::postgres(call.doing(), &error))? {
        None => return Ok(()),
        Some(found) if !found.is(&db.at().name, PLUGIN) => {
            cx.warn(messages::left_alone(db.at(), &found));
            return Ok(());
        }
        Some(found) if state.deletion_protection.is_true() && !found.is_lost() => {
            return Err(messages::is_protected(state, true).into());
        }
        Some(_) => {}
    }
    let terminate = state.terminate_consumer.is_true();
    let dropped = call.budget().run(slot_creation::drop(&mut session, name, PLUGIN, terminate)).await;
    call.target().wrote(&db.at().server);
    match dropped {
        Ok(Ok(_)) => {
            call.release(&id(db, name));
            Ok(())
        }
        Ok(Err(busy)) => Err(messages::in_use(call.doing(), name, &busy, terminate, cx.timeout()).into()),
        Err(_) => Err(messages::interrupted(call.doing()).into()),
    }
}

fn id(db: &Db<'_>, name: &SlotName) -> SlotId {
    SlotId { database: db.at().clone(), name: name.clone() }
}

async fn read_publication(
    session: &mut postgres::Session,
    name: &PublicationName,
) -> postgres::Result<Option<Publication>> {
    session.read(async |it| publication::read(&it, name).await).await
}
