//! Finding, creating, changing and dropping a slot. No transaction can undo it, so each step says what is left when it
//! fails.

use std::time::Duration;

use futures_util::future::try_join;
use tfplugin::{Diagnostics, Severity, path};

use super::messages;
use super::model::{Model, PGOUTPUT, Proof, Seen};
use super::private::{DATABASE_OID, ORDER_SAID};
use crate::checks::supported_by_server;
use crate::handler::{Call, Db, explain};
use crate::postgres::Usage;
use crate::postgres::publication::{self, Publication};
use crate::postgres::slot::{self, Identified, NewSlot, Slot};
use crate::postgres::slot_creation::{self, Failure};
use crate::postgres::{self, Connection, Kind, PublicationName, SlotName, database, role, settings};
use crate::target::{Container, Database, Error, ObjectId as _, PublicationId, SlotId};

/// Time to find out what is there once the time of the call is over.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Where a slot of the state is now. It can be seen from every database of its server, so a database that was renamed
/// outside does not hide it.
pub(super) enum Whereabouts {
    /// In that database, whose name may be another one now; or it is missing there.
    In(Database, Option<Slot>),
    /// Its database is gone, and a slot of the name is in another one. Which of both it is was not recorded.
    InAnother(Slot),
    /// Gone with the database or branch.
    Gone,
    /// Its database is gone, and no other database of the server could be entered.
    Unseen(Error),
}

/// `oid`: the recorded OID of the slot's database.
pub(super) async fn find(
    call: &Call<'_>,
    at: &Database,
    name: &SlotName,
    oid: Option<u32>,
) -> Result<Whereabouts, Error> {
    let (target, budget) = (call.target(), call.budget());
    let named = |name| Database { server: at.server.clone(), name };
    match target.slot(at, name, &budget).await {
        Ok(found) => {
            // Another database may have got the old name since.
            let moved = found.as_ref().filter(|it| oid.is_some() && it.database_oid == oid);
            let at = moved.and_then(|it| it.database.clone()).map_or_else(|| at.clone(), named);
            return Ok(Whereabouts::In(at, found));
        }
        Err(Error::Gone { container: Container::Database, .. }) => {}
        Err(error) if error.is_gone() => return Ok(Whereabouts::Gone),
        Err(error) => return Err(error),
    }
    let beside = target.read_beside(at, &budget, "reading a slot", |it| async move {
        let now = match oid {
            Some(oid) => database::name_of(&it, oid).await?,
            None => None,
        };
        Ok((slot::read(&it, name).await?, now))
    });
    Ok(match beside.await {
        Ok(Some((found, Some(now)))) => Whereabouts::In(named(now), found),
        Ok(Some((Some(found), None))) if oid.is_none() && found.database.is_some() => Whereabouts::InAnother(found),
        Ok(_) => Whereabouts::Gone,
        Err(error) => Whereabouts::Unseen(error),
    })
}

/// Creates the slot, and proves that its publication was there before and is the same after.
pub(super) async fn create(db: &Db<'_>, plan: Model, name: &SlotName) -> Result<Model, Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    let publication = plan.publication_id.known().cloned();
    let refused = |error: &postgres::Error| call.refused(error, path!(name));
    let new = NewSlot {
        name: name.clone(),
        plugin: plan.plugin().to_owned(),
        two_phase: plan.two_phase.is_true(),
        failover: plan.failover.is_true(),
    };
    let mut session = db.writer(&plan.connect_as, Usage::Patient).await?;
    let behind = publication.as_ref().map(|it| &it.name);
    let there = session.read(async |it| {
        let (taken, before) = try_join(slot::read(&it, name), read_publication(&it, behind)).await?;
        Ok((it.version(), taken, before))
    });
    let (version, taken, before) = there.await.map_err(|error| refused(&error))?;
    if let Some(found) = taken {
        return Err(messages::exists(db.at(), &found, &new.plugin).into());
    }
    if new.failover {
        unless_supported(version)?;
    }
    if let Some(id) = publication.as_ref().filter(|_| before.is_none()) {
        return Err(messages::no_publication(id).into());
    }
    let created = slot_creation::create(&mut session, &new, cx.cancelled().cancelled()).await;
    call.target().wrote(&db.at().server);
    let model = plan.observed(db.at(), name, Seen::created_after(before.as_ref()));
    if created.is_ok() || created.as_ref().is_err_and(|failure| failure.found.is_some()) {
        call.claim(&id(db, name));
        cx.checkpoint(&model);
    }
    if let Err(failure) = created {
        return Err(not_created(db, &mut session, &new, &failure).await);
    }
    session.allow(AFTERWARDS);
    let after = session.read(async |it| {
        let (created, publication) = try_join(slot::read(&it, name), read_publication(&it, behind)).await?;
        Ok((created.and_then(|it| it.database_oid), publication))
    });
    match after.await {
        Ok((database_oid, after)) => {
            if let Some(oid) = database_oid {
                cx.set_private(DATABASE_OID, &oid);
            }
            let Some(publication) = behind.filter(|_| after.map(|it| it.oid) != before.map(|it| it.oid)) else {
                return Ok(model);
            };
            let dropped =
                slot_creation::drop(&mut session, name, Identified { plugin: &new.plugin, database: None }, false)
                    .await
                    .is_ok();
            if dropped {
                call.release(&id(db, name));
                cx.forget_checkpoint();
            }
            Err(messages::changed_meanwhile(publication, name, dropped).into())
        }
        // The slot is recorded; the next refresh compares the OIDs.
        Err(error) => {
            let warning = explain::postgres(&format!("read slot `{name}` after its creation"), &error);
            cx.warn(tfplugin::Diagnostic { severity: Severity::Warning, ..warning });
            Ok(model)
        }
    }
}

/// Why there is no slot, or none that can be relied on.
async fn not_created(db: &Db<'_>, session: &mut postgres::Session, new: &NewSlot, failure: &Failure) -> Diagnostics {
    let (call, name) = (db.call(), &new.name);
    match failure.error.kind() {
        Kind::AlreadyExists => {
            let found = session.read(async |it| slot::read(&it, name).await).await.ok().flatten();
            match found {
                Some(found) => messages::exists(db.at(), &found, &new.plugin).into(),
                None => call.refused(&failure.error, path!(name)),
            }
        }
        Kind::NoFreeSlot => {
            let slots = session.read(async |it| slot::read_all(&it).await).await.unwrap_or_default();
            messages::no_free_slot(&failure.error, &slots).into()
        }
        Kind::NotInState => messages::is_off(&failure.error).into(),
        Kind::UndefinedFile | Kind::UndefinedObject => messages::no_plugin(&new.plugin, &failure.error).into(),
        // One SQLSTATE for two reasons: the role lacks REPLICATION, or may not use the plugin.
        Kind::InsufficientPrivilege => match session.read(async |it| may_replicate(&it).await).await {
            Ok(true) => messages::may_not_use_plugin(&new.plugin, &failure.error).into(),
            _ => messages::may_not_replicate(name, &failure.error).into(),
        },
        Kind::QueryCancelled | Kind::Timeout => {
            let waited = (!call.cx().cancelled().is_cancelled()).then(|| call.cx().timeout());
            messages::took_too_long(name, waited, failure).into()
        }
        _ => call.refused(&failure.error, path!(name)),
    }
}

/// Whether the connected role may create slots at all.
async fn may_replicate(connection: &Connection) -> postgres::Result<bool> {
    let name = settings::read(connection).await?.current_user;
    Ok(role::read(connection, &name).await?.is_some_and(|role| role.replication || role.superuser))
}

fn unless_supported(version: postgres::ServerVersion) -> Result<(), Diagnostics> {
    match supported_by_server::refusal(version, "failover", slot::FAILOVER_SINCE, &path!(failover)) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// Only `failover` changes on the server. The rest of the plan is compared with what is there.
pub(super) async fn update(db: &Db<'_>, prior: &Model, plan: Model, name: &SlotName) -> Result<Model, Diagnostics> {
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
    let publication = plan.publication_id.known();
    if let Some(publication) = publication.filter(|it| it.database != *db.at()) {
        return Err(messages::other_database(prior, publication).into());
    }
    let mut session = db.writer(&plan.connect_as, Usage::Write).await?;
    let failed = |error: &postgres::Error| Diagnostics::from(explain::postgres(call.doing(), error));
    let publication_name = publication.map(|it| &it.name);
    let read = session.read(async |it| {
        let (found, behind) = try_join(slot::read(&it, name), read_publication(&it, publication_name)).await?;
        Ok((it.version(), found, behind))
    });
    let (version, found, behind) = read.await.map_err(|error| failed(&error))?;
    let found = found.filter(|it| it.is(&db.at().name, plan.plugin()));
    let is_same = prior.publication_id == plan.publication_id;
    let recorded = prior.publication_oid.known().copied().filter(|_| is_same);
    let proof = proof(call, publication, behind.as_ref());
    let seen = Seen::of(found.as_ref(), behind.as_ref(), is_same && publication.is_some(), recorded, &proof);
    if let Some(refusal) = messages::refusal(db.at(), name, publication_name, &seen) {
        return Err(refusal.into());
    }
    if let Some(id) = publication {
        let Some(behind) = &behind else { return Err(messages::no_publication(id).into()) };
        if !is_same && !prior.publication_id.is_null() {
            let proved = session.read(async |it| slot::is_publication_proved_older(&it, behind.oid, name).await).await;
            if !proved.map_err(|error| failed(&error))? {
                return Err(messages::not_proved(&id.name, name).into());
            }
        }
    }
    let failover = plan.failover.is_true();
    let seen = match found.filter(|it| it.failover.unwrap_or(false) != failover) {
        None => seen,
        Some(mut slot) => {
            unless_supported(version)?;
            let changed = call.budget().run(set_failover(&mut session, name, failover)).await;
            call.target().wrote(&db.at().server);
            if let Err(error) = changed.map_err(|_| messages::interrupted(call.doing()))? {
                session.allow(AFTERWARDS);
                let consumer = session.read(async |it| slot::consumer(&it, name).await).await.ok().flatten();
                return Err(messages::failover_not_changed(call, name, consumer.as_ref(), &error).into());
            }
            slot.failover = Some(failover);
            Seen::of(Some(&slot), behind.as_ref(), is_same && publication.is_some(), recorded, &proof)
        }
    };
    drop(session);
    if let Some(behind) = behind.as_ref().filter(|_| prior.publication_id.is_null()) {
        say_unknown_order(db, name, behind).await;
    }
    Ok(plan.observed(db.at(), name, seen))
}

/// How often the walsender session that changes a slot is opened when connections are lost.
const SESSIONS: u32 = 5;

/// Changes `failover`. When the connection is lost, the slot says whether the command took effect; if not, it is sent again.
async fn set_failover(session: &mut postgres::Session, name: &SlotName, failover: bool) -> postgres::Result<()> {
    let command = slot::set_failover(name, failover);
    let mut sessions = 1;
    loop {
        match session.replicate(&command).await {
            Err(error) if error.kind() == Kind::ConnectionLost && sessions < SESSIONS => {
                let found = session.read(async |it| slot::read(&it, name).await).await?;
                if found.is_some_and(|it| it.failover == Some(failover)) {
                    return Ok(());
                }
                sessions += 1;
            }
            done => return done,
        }
    }
}

/// Drops the slot, once no consumer is connected to it. `seen`: what was found just now, if it was.
pub(super) async fn delete(db: &Db<'_>, state: &Model, name: &SlotName, seen: Option<Slot>) -> Result<(), Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    if call.is_held_by_another(&id(db, name)) {
        cx.warn(messages::kept_for_another(name));
        return Ok(());
    }
    let Some(mut session) = db.remover(&state.connect_as, Usage::Patient).await? else { return Ok(()) };
    let plugin = state.plugin();
    let found = if seen.is_some() {
        seen
    } else {
        let found = session.read(async |it| slot::read(&it, name).await).await;
        found.map_err(|error| explain::postgres(call.doing(), &error))?
    };
    match found {
        None => return Ok(()),
        Some(found) if !found.is(&db.at().name, plugin) => {
            cx.warn(messages::left_alone(db.at(), &found, plugin));
            return Ok(());
        }
        Some(found) if state.deletion_protection.is_true() && !found.is_lost() => {
            return Err(messages::is_protected(state, true).into());
        }
        Some(_) => {}
    }
    let terminate = state.terminate_consumer.is_true();
    let ours = Identified { plugin, database: None };
    let dropped = call.budget().run(slot_creation::drop(&mut session, name, ours, terminate)).await;
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

/// What the state and the process know of the marks of a publication.
pub(super) fn proof(call: &Call<'_>, id: Option<&PublicationId>, publication: Option<&Publication>) -> Proof {
    let both = id.zip(publication);
    let nonces = both.map(|(id, it)| call.target().known_marks().of(id.natural_key(), it.oid));
    Proof { nonces: nonces.unwrap_or_default(), of_first_version: call.is_of_first_version() }
}

fn id(db: &Db<'_>, name: &SlotName) -> SlotId {
    SlotId { database: db.at().clone(), name: name.clone() }
}

/// Whether a slot of that name is one that this resource can manage.
pub(super) fn is_managed(found: &Slot, at: &Database, publication: Option<&PublicationName>) -> bool {
    match publication {
        Some(_) => found.is(&at.name, PGOUTPUT),
        None => found.plugin.as_ref().is_some_and(|plugin| found.is(&at.name, plugin)),
    }
}

async fn read_publication(
    connection: &Connection,
    name: Option<&PublicationName>,
) -> postgres::Result<Option<Publication>> {
    match name {
        Some(name) => publication::read(connection, name).await,
        None => Ok(None),
    }
}

/// Tells once that nothing proves which of both is older; the catalog can prove it in one direction only.
pub(super) async fn say_unknown_order(db: &Db<'_>, name: &SlotName, publication: &Publication) {
    let (call, cx) = (db.call(), db.call().cx());
    if cx.private().get::<bool>(ORDER_SAID).is_some() {
        return;
    }
    let oid = publication.oid;
    let proved = call
        .target()
        .read(db.at(), &call.budget(), "reading a slot", |it| async move {
            slot::is_publication_proved_older(&it, oid, name).await
        })
        .await;
    if !matches!(proved, Ok(true)) {
        cx.warn(messages::order_unknown(name, &publication.name));
    }
    cx.set_private(ORDER_SAID, &true);
}
