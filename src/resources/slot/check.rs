//! What a plan says of a slot, by the live database.

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::model::{Model, Status};
use crate::checks::{
    logical_replication_on, publication_exists, publication_replaced_behind_slot, slots_nearly_used_up,
};
use crate::handler::{Call, Context};
use crate::postgres::{publication, slot};
use crate::target::{Database, DatabaseLocation, Error, PublicationId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the slot");
    let Some(planned) = plan.planned.as_ref().filter(|_| !call.policy().is_off()) else { return Diagnostics::none() };
    match (&plan.prior, &planned.publication_id) {
        (None, Attr::Known(publication)) => create(&call, publication).await,
        // What must be replaced is planned once more, as a new slot.
        (Some(_), Attr::Known(_)) if plan.replaces() => Diagnostics::none(),
        (Some(prior), Attr::Known(publication)) if prior.publication_id != planned.publication_id => {
            exists(&call, publication).await
        }
        (Some(prior), Attr::Unknown) => replaced_behind(&call, prior, planned).await,
        _ => Diagnostics::none(),
    }
}

async fn create(call: &Call<'_>, publication: &PublicationId) -> Diagnostics {
    let found = exists(call, publication).await;
    if found.has_errors() {
        return found;
    }
    match server(call, &publication.database).await {
        Ok(more) => found + more,
        Err(error) => found + unseen(call, &publication.database, &error),
    }
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
        Err(error) => unseen(call, &publication.database, &error),
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

async fn server(call: &Call<'_>, at: &Database) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    let mut found = Diagnostics::none();
    if !target.is_to_be_enabled(&at.server) && policy.asks(&logical_replication_on::CHECK) {
        let settings = target.server_settings(at, &budget).await?;
        let warning = logical_replication_on::check(&settings, &path!(publication_id));
        found.extend(policy.admit(&logical_replication_on::CHECK, warning));
    }
    if policy.asks(&slots_nearly_used_up::CHECK) {
        let capacity =
            target.read(at, &budget, "counting slots", |it| async move { slot::capacity(&it).await }).await?;
        let warning = slots_nearly_used_up::check(capacity, &path!(name));
        found.extend(policy.admit(&slots_nearly_used_up::CHECK, warning));
    }
    Ok(found)
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
        Ok(there) => policy.admit(check, [publication_replaced_behind_slot::check(there, &before.name, name, &at)]),
        Err(error) if error.is_gone() => {
            policy.admit(check, [publication_replaced_behind_slot::check(false, &before.name, name, &at)])
        }
        Err(error) => unseen(call, &before.database, &error),
    }
}

fn unseen(call: &Call<'_>, at: &Database, error: &Error) -> Diagnostics {
    call.unseen(DatabaseLocation::from(at.clone())).told(error)
}
