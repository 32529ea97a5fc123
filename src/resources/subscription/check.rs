//! What a plan says of a subscription: what the server does not support, a publisher that is the subscriber, and what is not
//! copied. The publisher is not asked.

use std::sync::Arc;

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::model::Model;
use crate::checks::subscription_on_same_branch::{self, Subscriber};
use crate::checks::{subscription_copies_rows, supported_by_server};
use crate::handler::{Call, Context};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::{Connection, ServerVersion};
use crate::secret::Secret;
use crate::target::{Database, DatabaseLocation, Error, SubscriptionId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the subscription");
    match (&plan.prior, &plan.planned) {
        (Some(Model { id: Attr::Known(id), .. }), None) => call.plan_destroy(id),
        // What is replaced is planned once more, as a new object: that plan is checked.
        (Some(prior), Some(planned)) if plan.replaces() => {
            if let Some(id) = planned.in_place_of(prior, plan.config.as_ref()) {
                call.replaces(&id);
            }
            return Diagnostics::none();
        }
        _ => {}
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return wrong,
    };
    if call.policy().is_off() {
        return Diagnostics::none();
    }
    let Some(location) = location else { return Diagnostics::none() };
    let config = plan.config.as_ref();
    match facts(&call, &location, planned, plan.prior.as_ref(), config).await {
        Ok(found) => found,
        Err(error) => call.unseen(&location).told(&error),
    }
}

async fn facts(
    call: &Call<'_>,
    location: &DatabaseLocation,
    planned: &Model,
    prior: Option<&Model>,
    config: Option<&Model>,
) -> Result<Diagnostics, Error> {
    let policy = call.policy();
    let mut at = call.resolved(location, planned.connect_as.known()).await?;
    let mut found = Diagnostics::none();
    if prior.is_none() {
        if let Some(name) = planned.name.known().filter(|_| config.is_some_and(|it| it.branch_id.is_null())) {
            let database = at.name.clone();
            let id =
                |server| SubscriptionId { database: Database { server, name: database.clone() }, name: name.clone() };
            at.server = call.stays(at.server, id);
        }
        let warning = subscription_copies_rows::check(&at.to_string(), planned.copy_data.is_true(), &path!(name));
        found.extend(policy.admit(&subscription_copies_rows::CHECK, [warning]));
    }
    found.extend(supported(call, &at, planned).await?);
    let sets_connection = prior.is_none_or(|prior| planned.sets_connection(prior));
    let connection = config.and_then(|it| it.connection_wo.known()).filter(|_| sets_connection);
    // What cannot be read is refused at validation.
    let connection = connection.and_then(|it| ConnInfo::parse(&Secret::new(it.expose())).ok());
    if let Some(connection) = connection.filter(|_| policy.asks(&subscription_on_same_branch::CHECK)) {
        let (host, port) = call.target().host(&at, &call.budget()).await?;
        let here = Subscriber { host: &host, port, database: &at.name };
        let creates_slot = planned.creates_slot() && prior.is_none();
        let refusal = subscription_on_same_branch::check(&connection, &here, creates_slot, &path!(connection_wo));
        found.extend(policy.admit(&subscription_on_same_branch::CHECK, refusal));
    }
    Ok(found)
}

/// Arguments that came with later versions of Postgres. The version is asked for where one of them is set.
async fn supported(call: &Call<'_>, at: &Database, planned: &Model) -> Result<Diagnostics, Error> {
    let none = planned.unsupported(ServerVersion::from_num(0), supported_by_server::check).is_empty();
    if none || !call.policy().asks(&supported_by_server::CHECK) {
        return Ok(Diagnostics::none());
    }
    let read = |it: Arc<Connection>| async move { Ok(it.version()) };
    let version = call.target().read(at, &call.budget(), "reading the version", read).await?;
    let refusals = planned.unsupported(version, supported_by_server::check);
    Ok(call.policy().admit(&supported_by_server::CHECK, refusals))
}
