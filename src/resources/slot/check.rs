//! What a plan says of a slot, by the live database.

use tfplugin::{Attr, AttributePath, Diagnostics, Plan, path};

use super::messages;
use super::model::{Model, Status};
use crate::checks::{
    logical_replication_on, publication_exists, publication_replaced_behind_slot, slot_has_consumer,
    slots_nearly_used_up, supported_by_server,
};
use crate::handler::{Call, Context, Located as _};
use crate::postgres::{SlotName, publication, slot};
use crate::target::{Database, DatabaseLocation, Error, PublicationId, SlotId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the slot");
    match (&plan.prior, &plan.planned) {
        (Some(Model { id: Attr::Known(id), .. }), None) => call.plan_destroy(id),
        (Some(prior), Some(planned)) if plan.replaces() => {
            if let Some(id) = planned.in_place_of(prior, plan.config.as_ref()) {
                call.replaces(&id);
            }
        }
        _ => {}
    }
    if call.policy().is_off() {
        return Diagnostics::none();
    }
    match (&plan.prior, &plan.planned) {
        (None, Some(planned)) => create(&call, planned, plan.config.as_ref()).await,
        (Some(prior), Some(planned)) if plan.replaces() => replace(&call, prior, planned, &plan.requires_replace).await,
        (Some(prior), Some(planned)) => update(&call, prior, planned).await,
        (Some(prior), None) => consumer(&call, prior).await,
        (None, None) => Diagnostics::none(),
    }
}

async fn create(call: &Call<'_>, planned: &Model, config: Option<&Model>) -> Diagnostics {
    let mut found = Diagnostics::none();
    let location = match &planned.publication_id {
        Attr::Unknown => return found,
        Attr::Known(publication) => {
            found = exists(call, publication).await;
            DatabaseLocation::from(publication.database.clone())
        }
        Attr::Null => match call.checked_location(planned, config) {
            Ok(Some(location)) => location,
            Ok(None) => return found,
            Err(missing) => return missing,
        },
    };
    if found.has_errors() {
        return found;
    }
    found = found + call.branch_lasts(&location).await;
    let names_branch = config.is_none_or(|it| !it.branch_id.is_null()) || !planned.publication_id.is_null();
    match server(call, &location, planned, names_branch).await {
        Ok(more) => found + more,
        Err(error) => found + call.unseen(&location).told(&error),
    }
}

/// What is replaced is planned once more, as a new slot: here is what concerns the old one.
async fn replace(call: &Call<'_>, prior: &Model, planned: &Model, because: &[AttributePath]) -> Diagnostics {
    let Some(name) = prior.name.known() else { return Diagnostics::none() };
    let of_publication = [path!(publication_id), path!(status)];
    let found = match &planned.publication_id {
        Attr::Known(publication) => match renamed(call, prior, publication).await {
            Some(refusal) => return refusal,
            None => messages::replaced(name).into(),
        },
        // Replaced for its own sake, such as for another name: whatever becomes of the publication costs nothing more.
        _ if because.iter().any(|it| !of_publication.contains(it)) => messages::replaced(name).into(),
        Attr::Unknown => replaced_behind(call, prior, planned).await,
        Attr::Null => messages::replaced(name).into(),
    };
    if found.has_errors() { found } else { found + consumer(call, prior).await }
}

async fn update(call: &Call<'_>, prior: &Model, planned: &Model) -> Diagnostics {
    let mut found = match &planned.publication_id {
        Attr::Known(publication) if prior.publication_id != planned.publication_id => exists(call, publication).await,
        Attr::Unknown => replaced_behind(call, prior, planned).await,
        _ => Diagnostics::none(),
    };
    if planned.failover.is_true() && !prior.failover.is_true() && !found.has_errors() {
        let Ok(location) = prior.location(call.target().is_direct()) else { return found };
        let more = match call.resolved(&location, planned.connect_as.known()).await {
            Ok(at) => supported(call, &at, planned).await,
            Err(error) => Err(error),
        };
        found = found + more.unwrap_or_else(|error| call.unseen(&location).told(&error));
    }
    found
}

/// The one idea: a known id is a fact that is checked.
async fn exists(call: &Call<'_>, publication: &PublicationId) -> Diagnostics {
    let policy = call.policy();
    if !policy.asks(&publication_exists::CHECK) {
        return Diagnostics::none();
    }
    match is_there(call, publication).await {
        Ok(true) => Diagnostics::none(),
        Ok(false) => {
            let database = publication.database.to_string();
            let refusal = publication_exists::check(false, &publication.name, &database, &path!(publication_id));
            policy.admit(&publication_exists::CHECK, refusal)
        }
        Err(error) => unseen(call, publication, &error),
    }
}

/// By the snapshot, and before "no" by a read of its own. A publication whose database is gone is gone.
async fn is_there(call: &Call<'_>, publication: &PublicationId) -> Result<bool, Error> {
    let found = match call.target().publication(&publication.database, &publication.name, &call.budget()).await {
        Ok(Some(_)) => return Ok(true),
        Ok(None) => is_there_now(call, publication).await,
        Err(error) => Err(error),
    };
    match found {
        Err(error) if error.is_gone() => Ok(false),
        found => found,
    }
}

async fn is_there_now(call: &Call<'_>, publication: &PublicationId) -> Result<bool, Error> {
    let (name, budget) = (&publication.name, call.budget());
    let read = call.target().read(&publication.database, &budget, "reading a publication", |it| async move {
        publication::read(&it, name).await
    });
    Ok(read.await?.is_some())
}

async fn server(
    call: &Call<'_>,
    location: &DatabaseLocation,
    planned: &Model,
    names_branch: bool,
) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    let mut at = call.resolved(location, planned.connect_as.known()).await?;
    let mut found = Diagnostics::none();
    if let Some(name) = planned.name.known().filter(|_| !names_branch) {
        let default = at.server.clone();
        let id = |server| SlotId { database: Database { server, name: at.name.clone() }, name: name.clone() };
        let server = call.stays(default.clone(), id);
        if server == default {
            found.extend(call.on_two_branches(&default).map_or_else(Diagnostics::none, Into::into));
        }
        at.server = server;
    }
    if !target.is_to_be_enabled(&at.server) && policy.asks(&logical_replication_on::CHECK) {
        let settings = target.server_settings(&at, &budget).await?;
        let by_publication = !planned.publication_id.is_null();
        let path = if by_publication { path!(publication_id) } else { path!(database) };
        found.extend(policy.admit(&logical_replication_on::CHECK, logical_replication_on::check(&settings, &path)));
    }
    if policy.asks(&slots_nearly_used_up::CHECK) {
        let capacity =
            target.read(&at, &budget, "counting slots", |it| async move { slot::capacity(&it).await }).await?;
        let warning = slots_nearly_used_up::check(capacity, &path!(name));
        found.extend(policy.admit(&slots_nearly_used_up::CHECK, warning));
    }
    Ok(found + supported(call, &at, planned).await?)
}

/// `failover` came with Postgres 17.
async fn supported(call: &Call<'_>, at: &Database, planned: &Model) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    if !planned.failover.is_true() || !policy.asks(&supported_by_server::CHECK) {
        return Ok(Diagnostics::none());
    }
    let version = target.read(at, &budget, "reading the version", |it| async move { Ok(it.version()) }).await?;
    let refusal = supported_by_server::check(version, "failover", slot::FAILOVER_SINCE, &path!(failover));
    Ok(policy.admit(&supported_by_server::CHECK, refusal))
}

/// The id has become unknown behind an existing slot: this run creates its publication.
async fn replaced_behind(call: &Call<'_>, prior: &Model, planned: &Model) -> Diagnostics {
    let (check, policy) = (&publication_replaced_behind_slot::CHECK, call.policy());
    let (Some(name), Attr::Known(before)) = (prior.name.known(), &prior.publication_id) else {
        return Diagnostics::none();
    };
    // The read has said already what is missing or lost anyway.
    if !policy.asks(check) || prior.status().is_over() {
        return Diagnostics::none();
    }
    let at = path!(publication_id);
    if planned.allow_recreate.is_true() {
        return policy.admit(check, [publication_replaced_behind_slot::agreed(&before.name, name, &at)]);
    }
    let is_missing = prior.status() == Status::PublicationMissing;
    let there = if is_missing { Ok(false) } else { is_there_now(call, before).await };
    match there {
        Ok(true) if let Some(old) = call.renamed_from() => {
            messages::database_renamed(name, &old, &before.database).at(at).into()
        }
        Ok(there) => policy.admit(check, [publication_replaced_behind_slot::check(there, &before.name, name, &at)]),
        Err(error) if error.is_gone() => {
            policy.admit(check, [publication_replaced_behind_slot::check(false, &before.name, name, &at)])
        }
        Err(error) => unseen(call, before, &error),
    }
}

/// Refuses a replacement that comes only from the database's old name, which the configuration still has.
async fn renamed(call: &Call<'_>, prior: &Model, publication: &PublicationId) -> Option<Diagnostics> {
    let old = call.renamed_from().filter(|old| *old == publication.database.name)?;
    let (name, Attr::Known(before)) = (prior.name.known()?, &prior.publication_id) else { return None };
    match is_there_now(call, publication).await {
        Err(error) if error.is_gone() => {
            Some(messages::database_renamed(name, &old, &before.database).at(path!(publication_id)).into())
        }
        _ => None,
    }
}

/// Who is connected to a slot that this run drops. What cannot be read is left to the apply: a destroy must not depend
/// on it.
async fn consumer(call: &Call<'_>, prior: &Model) -> Diagnostics {
    let (check, policy) = (&slot_has_consumer::CHECK, call.policy());
    let Some(name) = prior.name.known().filter(|_| policy.asks(check) && prior.status() != Status::Missing) else {
        return Diagnostics::none();
    };
    let Ok(location) = prior.location(call.target().is_direct()) else { return Diagnostics::none() };
    match connected(call, &location, name).await {
        Ok(consumer) => {
            let terminate = prior.terminate_consumer.is_true();
            let at = path!(terminate_consumer);
            policy.admit(check, slot_has_consumer::check(consumer.as_ref(), name, terminate, &at))
        }
        Err(error) => {
            tracing::debug!(%error, "the consumer of a slot was not looked at");
            Diagnostics::none()
        }
    }
}

async fn connected(
    call: &Call<'_>,
    location: &DatabaseLocation,
    name: &SlotName,
) -> Result<Option<slot::Consumer>, Error> {
    let (target, budget) = (call.target(), call.budget());
    let at = target.database(location, &budget).await?;
    target.read(&at, &budget, "reading a consumer", |it| async move { slot::consumer(&it, name).await }).await
}

fn unseen(call: &Call<'_>, publication: &PublicationId, error: &Error) -> Diagnostics {
    call.unseen(&DatabaseLocation::from(publication.database.clone())).told(error)
}
