//! What a plan says of a slot, by the world as it is.

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::Model;
use super::reference::Reference;
use super::status::Status;
use crate::checks::{
    logical_replication_on, publication_exists, publication_replaced_behind_slot, slots_nearly_used_up,
};
use crate::context::Context;
use crate::postgres::{publication, slot};
use crate::resources::access::{budget, not_checked, policy, session};
use crate::session::{Error, Location, Place};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !policy(cx).is_off()) else { return Diagnostics::none() };
    let Ok(publication) = planned.publication() else { return Diagnostics::none() };
    match (&plan.prior, publication) {
        (None, Some(publication)) => create(cx, planned, &publication).await,
        // What must be replaced is planned once more, as a new one.
        (Some(_), Some(_)) if plan.replaces() => Diagnostics::none(),
        (Some(prior), Some(publication)) if prior.publication_id != planned.publication_id => {
            exists(cx, planned, &publication).await
        }
        (Some(prior), None) if planned.publication_id.is_unknown() => replaced_behind(cx, prior, planned).await,
        _ => Diagnostics::none(),
    }
}

async fn create(cx: &Context, planned: &Model, publication: &Reference) -> Diagnostics {
    let found = exists(cx, planned, publication).await;
    if found.has_errors() {
        return found;
    }
    match server(cx, &publication.place).await {
        Ok(more) => found + more,
        Err(error) => found + not_checked(cx, &Location::from(publication.place.clone()), &error),
    }
}

/// The one idea.
async fn exists(cx: &Context, planned: &Model, publication: &Reference) -> Diagnostics {
    let policy = policy(cx);
    if !policy.asks(&publication_exists::CHECK) {
        return Diagnostics::none();
    }
    let Ok(name) = planned.name() else { return Diagnostics::none() };
    match is_there(cx, publication).await {
        Ok(there) => {
            let place = publication.place.to_string();
            let at = path!(publication_id);
            policy.judge(
                &publication_exists::CHECK,
                publication_exists::check(there, &publication.publication, &name, &place, &at),
            )
        }
        Err(error) => not_checked(cx, &Location::from(publication.place.clone()), &error),
    }
}

/// By the snapshot, and before "no" by a look of its own. A publication whose database is gone is gone.
async fn is_there(cx: &Context, publication: &Reference) -> Result<bool, Error> {
    let (place, name) = (&publication.place, &publication.publication);
    let found = match session(cx).publication(place, name, &budget(cx)).await {
        Ok(Some(_)) => return Ok(true),
        Ok(None) => is_there_now(cx, publication).await,
        Err(error) => Err(error),
    };
    match found {
        Err(error) if error.is_gone() => Ok(false),
        found => found,
    }
}

async fn is_there_now(cx: &Context, publication: &Reference) -> Result<bool, Error> {
    let name = &publication.publication;
    let found = session(cx)
        .read(&publication.place, &budget(cx), "reading a publication", |it| async move {
            publication::read(&it, name).await
        })
        .await?;
    Ok(found.is_some())
}

async fn server(cx: &Context, place: &Place) -> Result<Diagnostics, Error> {
    let (session, policy) = (session(cx), policy(cx));
    let mut found = Diagnostics::none();
    if !session.is_to_be_enabled(&place.project) && policy.asks(&logical_replication_on::CHECK) {
        let settings = session.server_settings(place, &budget(cx)).await?;
        let warning = logical_replication_on::check(&settings, &path!(publication_id));
        found.extend(policy.judge(&logical_replication_on::CHECK, warning));
    }
    if policy.asks(&slots_nearly_used_up::CHECK) {
        let capacity =
            session.read(place, &budget(cx), "counting slots", |it| async move { slot::capacity(&it).await }).await?;
        let warning = slots_nearly_used_up::check(capacity, &path!(name));
        found.extend(policy.judge(&slots_nearly_used_up::CHECK, warning));
    }
    Ok(found)
}

/// The id has become unknown behind an existing slot: this run makes its publication.
async fn replaced_behind(cx: &Context, prior: &Model, planned: &Model) -> Diagnostics {
    let check = &publication_replaced_behind_slot::CHECK;
    let policy = policy(cx);
    let (Ok(name), Ok(Some(before))) = (prior.name(), prior.publication()) else { return Diagnostics::none() };
    // What is missing or lost anyway was told when it was read.
    if !policy.asks(check) || matches!(prior.status, Attr::Known(_)) && prior.status().is_over() {
        return Diagnostics::none();
    }
    let at = path!(publication_id);
    if planned.allow_recreate.is_true() {
        return policy.judge(check, [publication_replaced_behind_slot::agreed(&before.publication, &name, &at)]);
    }
    let there = if prior.status() == Status::PublicationMissing { Ok(false) } else { is_there_now(cx, &before).await };
    match there {
        Ok(there) => {
            policy.judge(check, [publication_replaced_behind_slot::check(there, &before.publication, &name, &at)])
        }
        Err(error) if error.is_gone() => {
            policy.judge(check, [publication_replaced_behind_slot::check(false, &before.publication, &name, &at)])
        }
        Err(error) => not_checked(cx, &Location::from(before.place.clone()), &error),
    }
}
