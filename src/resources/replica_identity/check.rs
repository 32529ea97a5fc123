//! What a plan says of a replica identity, by the live database.

use std::collections::BTreeSet;

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::apply::Facts;
use super::model::Model;
use super::private::TABLE;
use crate::checks::{mode_serves_publications, tables_exist, tables_owned};
use crate::handler::{Call, Context, Db};
use crate::postgres::TableName;
use crate::postgres::publication::Publication;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::{Kind, Table};
use crate::target::{Database, DatabaseLocation, Error};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
    let call = Call::new(cx, "check the replica identity");
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return wrong,
    };
    if call.policy().is_off() {
        return Diagnostics::none();
    }
    let (Some(location), Ok(table), Ok(mode)) = (location, planned.table(), planned.mode()) else {
        return Diagnostics::none();
    };
    match facts(&call, &location, &table, &mode, planned).await {
        Ok(found) => found,
        Err(error) => call.unseen(&location).told(&error),
    }
}

/// The table of that name; or, if it was renamed since the last apply, under its new one. Gone is `None`.
pub(super) async fn find(db: &Db<'_>, name: &TableName) -> Result<Option<Table>, Diagnostics> {
    if let Some(found) = db.table(name).await? {
        return Ok(Some(found));
    }
    let call = db.call();
    let Some(oid) = call.cx().private().get::<u32>(TABLE) else { return Ok(None) };
    let tables = call.target().tables(db.at(), &call.budget()).await;
    db.unless_gone(tables.map(|it| it.get_by_oid(oid).cloned()))
}

/// Whether a publication sends updates or deletes of the table, and its replica identity cannot be used any more.
pub(super) async fn is_lost(db: &Db<'_>, table: &Table) -> Result<bool, Diagnostics> {
    if table.kind != Kind::Table || table.identity == Mode::Nothing || table.has_usable_identity() {
        return Ok(false);
    }
    let call = db.call();
    let publications = call.target().publications(db.at(), &call.budget()).await;
    let needs = |it: &Publication| {
        let member = it.tables.contains_key(&table.name) || it.schemas.contains(&table.name.schema);
        (member || it.all_tables) && it.publish.iter().any(|it| it.needs_identity())
    };
    let found = db.unless_gone(publications.map(|all| Some(all.values().any(needs))))?;
    Ok(found.unwrap_or_default())
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
    let role = target.membership(at, &name, &budget).await?;
    let warning = role.as_ref().as_ref().and_then(|role| tables_owned::check(&[there], role, &path!(table)));
    Ok(call.policy().admit(&tables_owned::CHECK, warning))
}
