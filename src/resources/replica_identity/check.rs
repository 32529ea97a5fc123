//! What a plan says of a replica identity, by the live database.

use std::collections::BTreeSet;

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::apply::Facts;
use super::model::Model;
use crate::checks::{mode_serves_publications, tables_exist, tables_owned};
use crate::handler::{Call, Context};
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::Table;
use crate::postgres::{TableName, role};
use crate::target::{Database, DatabaseLocation, Error};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
    let call = Call::new(cx, "check the replica identity");
    if call.policy().is_off() {
        return Diagnostics::none();
    }
    let location = call.checked_location(planned, plan.config.as_ref());
    let (Some(location), Ok(table), Ok(mode)) = (location, planned.table(), planned.mode()) else {
        return Diagnostics::none();
    };
    match facts(&call, &location, &table, &mode, planned).await {
        Ok(found) => found,
        Err(error) => call.unseen(&location).told(&error),
    }
}

/// All checks of a replica identity.
async fn facts(
    call: &Call<'_>,
    location: &DatabaseLocation,
    table: &TableName,
    mode: &Mode,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    let at = call.resolved(location, planned.connect_as.known()).await?;
    let names = BTreeSet::from([table.clone()]);
    let tables = target.tables_named(&at, &names, &budget).await?;
    let mut found = policy.admit(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(table)));
    let Some(there) = tables.get(table).filter(|it| it.identity != *mode) else { return Ok(found) };
    if policy.asks(&mode_serves_publications::CHECK) {
        let read = |it: std::sync::Arc<_>| async move { Facts::read(&it, table, mode).await };
        let facts = target.read(&at, &budget, "reading publications of a table", read).await?;
        // An index that is not suitable is refused by the apply, with better words.
        if let Some(facts) = facts.filter(|it| it.index_valid || !matches!(mode, Mode::Index(_))) {
            let unserved = facts.unserved(mode);
            let warning = mode_serves_publications::check(table, mode, &unserved, &path!(mode));
            found.extend(policy.admit(&mode_serves_publications::CHECK, warning));
        }
    }
    if policy.asks(&tables_owned::CHECK) {
        found.extend(owned(call, &at, there, planned).await?);
    }
    Ok(found)
}

async fn owned(call: &Call<'_>, at: &Database, there: &Table, planned: &Model) -> Result<Diagnostics, Error> {
    let (target, budget) = (call.target(), call.budget());
    let name = match &planned.connect_as {
        Attr::Unknown => return Ok(Diagnostics::none()),
        Attr::Known(role) => role.clone(),
        Attr::Null => target.default_role(at, &budget).await?,
    };
    if there.owner == name {
        return Ok(Diagnostics::none());
    }
    let name = &name;
    let role = target.read(at, &budget, "reading a role", |it| async move { role::read(&it, name).await }).await?;
    let warning = role.and_then(|role| tables_owned::check(&[there], &role, &path!(table)));
    Ok(call.policy().admit(&tables_owned::CHECK, warning))
}
