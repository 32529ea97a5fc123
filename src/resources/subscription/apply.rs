//! Creating, changing and dropping a subscription. Statements that reach the publisher cannot run in a transaction. After a
//! lost connection the catalog decides whether they are sent again, and each step says what is left when it fails.

use std::sync::Arc;
use std::time::Duration;

use tfplugin::{Diagnostics, path};
use tokio::time::{Instant, sleep};

use super::messages;
use super::model::Model;
use crate::checks::subscription_on_same_branch::{self, Subscriber};
use crate::checks::supported_by_server;
use crate::handler::{Db, Stop};
use crate::postgres::connection::Connection;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::subscription::{self, Subscription};
use crate::postgres::{Error, Kind, ServerVersion, Session, Statement, SubscriptionName, Usage, alone};
use crate::secret::Secret;
use crate::target::SubscriptionId;

/// Time to find out what is there once the time of the call is over.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Time in which a server notices that its client has gone.
const NOTICES: Duration = Duration::from_secs(4);

/// Time that is kept back for that at the end of a statement that may take all of the call's.
const RESERVE: Duration = Duration::from_secs(5);

/// Creates the subscription, and its slot at the publisher.
pub(super) async fn create(db: &Db<'_>, plan: &Model, name: &SubscriptionName) -> Result<Subscription, Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    let connection = configured_connection(db)?.ok_or_else(|| messages::no_connection(true))?;
    unless_same_branch(db, &connection, plan.creates_slot()).await?;
    let new = plan.new_subscription(connection)?;
    let mut session = db.writer(&plan.connect_as, Usage::Patient).await?;
    let (version, found) = read(db, &mut session, name).await?;
    if found.is_some() {
        return Err(messages::exists(db.at(), name).into());
    }
    unless_unsupported(plan, version)?;
    let limit = left(&session);
    let is_ours = |it: Arc<Connection>| {
        let new = &new;
        async move { Ok(subscription::read(&it, &new.name).await?.is_some_and(|found| new.is(&found))) }
    };
    let created = alone::settled(&mut session, &subscription::create(&new), limit, cx.cancelled(), is_ours).await;
    call.target().wrote(&db.at().server);
    let not_created = |error: &Error| messages::not_created(call, error, plan, created.was_lost);
    let failed = match created.outcome {
        Ok(notices) => {
            for warning in messages::of_publisher(name, &notices) {
                cx.warn(warning);
            }
            None
        }
        Err(error) if error.kind() == Kind::AlreadyExists => return Err(messages::exists(db.at(), name).into()),
        // Created by another session at the same moment.
        Err(error) if error.kind() == Kind::Serialization && read(db, &mut session, name).await?.1.is_some() => {
            return Err(messages::exists(db.at(), name).into());
        }
        Err(error) if !is_unknown(error.kind()) => return Err(not_created(&error).into()),
        Err(error) => Some(error),
    };
    session.allow(AFTERWARDS);
    let found = settle(db, &mut session, name, failed.is_some()).await?;
    if let Some(found) = &found {
        call.claim(&id(db, name));
        cx.checkpoint(&plan.clone().observed(db.at(), found));
    }
    match (found, failed) {
        (Some(found), None) => Ok(as_planned(plan, found)),
        // The answer was lost, and the work was done.
        (Some(found), Some(error)) if error.kind() == Kind::ConnectionLost => Ok(as_planned(plan, found)),
        (None, Some(error)) if error.kind() == Kind::ConnectionLost && !cx.cancelled().is_cancelled() => {
            Err(not_created(&error).into())
        }
        (_, Some(_)) => {
            let waited = (!cx.cancelled().is_cancelled()).then(|| cx.timeout());
            let slot = new.create_slot.then_some(&new.slot_name);
            Err(messages::took_too_long(name, slot, waited).into())
        }
        (None, None) => Err(messages::gone(name).into()),
    }
}

/// What is there now. A server that lost its client may still be at work, until it notices: `waits` for that.
async fn settle(
    db: &Db<'_>,
    session: &mut Session,
    name: &SubscriptionName,
    waits: bool,
) -> Result<Option<Subscription>, Diagnostics> {
    let until = Instant::now() + NOTICES;
    loop {
        let found = read(db, session, name).await?.1;
        if found.is_some() || !waits || Instant::now() >= until {
            return Ok(found);
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// Changes what differs from the plan. The publications come last: only a subscription that runs takes up their tables.
pub(super) async fn update(
    db: &Db<'_>,
    prior: &Model,
    plan: &Model,
    name: &SubscriptionName,
) -> Result<Subscription, Diagnostics> {
    let connection = if plan.sets_connection(prior) { configured_connection(db)? } else { None };
    if let Some(connection) = &connection {
        unless_same_branch(db, connection, false).await?;
    }
    let renews = connection.is_some();
    let want = plan.definition(connection)?;
    let publications = plan.publications.need(path!(publications))?;
    let mut session = db.writer(&plan.connect_as, Usage::Patient).await?;
    let (version, found) = read(db, &mut session, name).await?;
    let before = found.ok_or_else(|| messages::gone(name))?;
    unless_unsupported(plan, version)?;

    let changes_failover = before.options.failover != want.options.failover;
    let first = subscription::Definition { enabled: want.enabled && !changes_failover, ..want.clone() };
    transact(
        db,
        &mut session,
        |have: &Subscription| {
            let mut statements = subscription::alter(have, &first);
            if !want.enabled && have.publications != *publications {
                statements.push(subscription::set_publications(name, publications));
            }
            statements
        },
        name,
    )
    .await?;
    if changes_failover {
        let (failover, statement) = (want.options.failover, subscription::set_failover(name, want.options.failover));
        reach(db, &mut session, plan, &statement, |found| found.options.failover == failover).await?;
        if want.enabled {
            transact(db, &mut session, |_: &Subscription| vec![subscription::enable(name)], name).await?;
        }
    }
    if want.enabled {
        let copy_data = plan.copy_data.is_true();
        let taken_up = if before.publications != *publications {
            let statement = subscription::set_publications_and_refresh(name, publications, copy_data);
            reach(db, &mut session, plan, &statement, |found| found.publications == *publications).await
        } else if renews || !before.enabled {
            // Nothing shows that it was done, and twice does no harm.
            reach(db, &mut session, plan, &subscription::refresh(name, copy_data), |_| false).await
        } else {
            Ok(())
        };
        if let Err(problems) = taken_up {
            // Otherwise the next plan would find it enabled, and nobody would take up the tables.
            if before.enabled {
                return Err(problems);
            }
            session.allow(AFTERWARDS);
            transact(db, &mut session, |_: &Subscription| vec![subscription::disable(name)], name).await?;
            return Err(problems.into_iter().map(messages::disabled_again).collect());
        }
    }
    let found = read(db, &mut session, name).await?.1.ok_or_else(|| messages::gone(name))?;
    Ok(as_planned(plan, found))
}

/// Drops the subscription, and its slot if that is wanted and the publisher lets it.
pub(super) async fn delete(db: &Db<'_>, state: &Model, name: &SubscriptionName) -> Result<(), Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    if call.is_held_by_another(&id(db, name)) {
        cx.warn(messages::kept_for_another(name));
        return Ok(());
    }
    let Some(mut session) = db.remover(&state.connect_as, Usage::Patient).await? else { return Ok(()) };
    let Some(found) = read(db, &mut session, name).await?.1 else { return Ok(()) };
    let mut failed = None;
    if let Some(slot) = found.slot_name.as_ref().filter(|_| state.drops_slot()) {
        // A publisher that does not answer must leave time for the rest.
        let limit = left(&session) / 2;
        let is_gone = |it: Arc<Connection>| async move { Ok(subscription::read(&it, name).await?.is_none()) };
        let dropped = alone::settled(&mut session, &subscription::drop(name), limit, cx.cancelled(), is_gone).await;
        call.target().wrote(&db.at().server);
        match dropped.outcome {
            Ok(_) => {
                call.release(&id(db, name));
                return Ok(());
            }
            Err(_) if cx.cancelled().is_cancelled() => return Err(messages::interrupted(call.doing()).into()),
            Err(error) if error.kind() == Kind::UndefinedObject => return Ok(()),
            Err(error) if error.kind() == Kind::Publisher || is_unknown(error.kind()) => {
                tracing::warn!(%error, %slot, "the slot of a subscription was not dropped");
                failed = Some(error);
            }
            Err(error) => return Err(messages::refused(call, &error, state).into()),
        }
    }
    session.allow(AFTERWARDS);
    let dropped = db
        .transaction_on(&mut session, async |tx, _| {
            let Some(found) = subscription::read(&tx, name).await? else { return Ok(None) };
            tx.run(&subscription::drop_without_slot(name)).await?;
            Ok(found.slot_name)
        })
        .await;
    let left = match dropped {
        // The statement before was carried out after all.
        Err(stop) if stop.kind() == Some(Kind::UndefinedObject) => None,
        done => done.map_err(|stop| explained(db, stop, state))?,
    };
    call.release(&id(db, name));
    if let Some(slot) = left {
        cx.warn(messages::slot_left(name, &slot, failed.as_ref()));
    }
    Ok(())
}

/// Whether only reading tells what came of a statement.
fn is_unknown(kind: Kind) -> bool {
    matches!(kind, Kind::ConnectionLost | Kind::QueryCancelled | Kind::Timeout)
}

/// What is there, with what the plan knows: a subscription that disables itself at once is the next refresh's to tell.
fn as_planned(plan: &Model, found: Subscription) -> Subscription {
    Subscription { enabled: plan.enabled.is_true(), ..found }
}

fn left(session: &Session) -> Duration {
    let left = session.deadline().saturating_duration_since(Instant::now());
    left.saturating_sub(RESERVE.min(left / 4))
}

/// The connection string of the configuration, which neither plan nor state have.
fn configured_connection(db: &Db<'_>) -> Result<Option<Secret>, Diagnostics> {
    let config = db.call().cx().config::<Model>()?;
    // Unknown values are known by now.
    let wrong = messages::wrong_connection(&config);
    if wrong.has_errors() {
        return Err(wrong);
    }
    Ok(config.connection_wo.known().map(|it| Secret::new(it.expose())))
}

async fn unless_same_branch(db: &Db<'_>, connection: &Secret, creates_slot: bool) -> Result<(), Diagnostics> {
    let call = db.call();
    if !call.policy().asks(&subscription_on_same_branch::CHECK) {
        return Ok(());
    }
    let Ok(connection) = ConnInfo::parse(connection) else { return Ok(()) };
    let (host, port) = call.target().host(db.at(), &call.budget()).await.map_err(|error| call.failed(&error))?;
    let here = Subscriber { host: &host, port, database: &db.at().name };
    let refusal = subscription_on_same_branch::refusal(&connection, &here, creates_slot, &path!(connection_wo));
    refusal.map_or(Ok(()), |it| Err(it.into()))
}

fn unless_unsupported(plan: &Model, version: ServerVersion) -> Result<(), Diagnostics> {
    let refusals = plan.unsupported(version, supported_by_server::refusal);
    if refusals.is_empty() { Ok(()) } else { Err(refusals.into_iter().collect()) }
}

async fn read(
    db: &Db<'_>,
    session: &mut Session,
    name: &SubscriptionName,
) -> Result<(ServerVersion, Option<Subscription>), Diagnostics> {
    let read = session.read(async |it| Ok((it.version(), subscription::read(&it, name).await?))).await;
    read.map_err(|error| db.call().refused(&error, path!(name)))
}

/// Runs, in a transaction, the statements that follow from what is there now.
async fn transact(
    db: &Db<'_>,
    session: &mut Session,
    statements: impl Fn(&Subscription) -> Vec<Statement> + Send + Sync,
    name: &SubscriptionName,
) -> Result<(), Diagnostics> {
    let done = db
        .transaction_on(session, async |tx, _| {
            let have = subscription::read(&tx, name).await?.ok_or_else(|| messages::gone(name))?;
            tx.run(&statements(&have)).await?;
            Ok(())
        })
        .await;
    done.map_err(|stop| stop.explain(db.call(), messages::argument_of))
}

/// Runs one statement that reaches the publisher. `is_done`: whether a subscription shows that it was carried out.
async fn reach(
    db: &Db<'_>,
    session: &mut Session,
    plan: &Model,
    statement: &Statement,
    is_done: impl Fn(&Subscription) -> bool,
) -> Result<(), Diagnostics> {
    let (call, cx) = (db.call(), db.call().cx());
    let name = plan.name.need(path!(name))?;
    let limit = left(session);
    let looks = |it: Arc<Connection>| {
        let is_done = &is_done;
        async move { Ok(subscription::read(&it, name).await?.is_some_and(|found| is_done(&found))) }
    };
    let done = alone::settled(session, statement, limit, cx.cancelled(), looks).await;
    call.target().wrote(&db.at().server);
    match done.outcome {
        Ok(notices) => {
            for warning in messages::of_publisher(name, &notices) {
                cx.warn(warning);
            }
            Ok(())
        }
        Err(_) if cx.cancelled().is_cancelled() => Err(messages::interrupted(call.doing()).into()),
        Err(error) => Err(messages::refused(call, &error, plan).into()),
    }
}

fn explained(db: &Db<'_>, stop: Stop, state: &Model) -> Diagnostics {
    match stop {
        Stop::Server(error) => messages::refused(db.call(), &error, state).into(),
        Stop::Refused(problems) => problems,
    }
}

fn id(db: &Db<'_>, name: &SubscriptionName) -> SubscriptionId {
    SubscriptionId { database: db.at().clone(), name: name.clone() }
}
