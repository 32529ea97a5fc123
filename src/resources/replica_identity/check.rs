//! What a plan says of a replica identity, by the live database.

use std::collections::BTreeSet;

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::apply::Facts;
use super::model::Model;
use super::private::TABLE;
use crate::checks::{mode_serves_publications, tables_exist, tables_have_identity, tables_owned};
use crate::handler::{Call, Context, Db};
use crate::postgres::publication::Publication;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::{Kind, Table};
use crate::postgres::{TableName, membership};
use crate::target::{Database, DatabaseLocation, Error, ReplicaIdentityId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the replica identity");
    call.plans(plan, |it, database| Some(ReplicaIdentityId { database, table: it.table().ok()? }));
    if let Some(Model { id: Attr::Known(id), .. }) = plan.destroy().filter(|it| it.restores()) {
        call.plan_destroy(id);
    }
    if plan.replaces() {
        return call.unless_renamed(plan).await;
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
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
    let (target, budget) = (db.call().target(), db.call().budget());
    let names = BTreeSet::from([table.name.clone()]);
    let both = async {
        Ok((target.publications(db.at(), &budget).await?, target.tables_named(db.at(), &names, &budget).await?))
    };
    let Some((publications, tables)) = db.unless_gone(both.await.map(Some))? else { return Ok(false) };
    // A partition is published with what it is a part of.
    let needs = |it: &Publication| {
        let breaks = it.publish.iter().any(|it| it.needs_identity());
        breaks && tables_have_identity::rows(&tables, it).any(|(row, _)| row.oid == table.oid)
    };
    Ok(publications.values().any(needs))
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
    let id = |database| ReplicaIdentityId { database, table: table.clone() };
    let (at, mut found) = call.planned_database(location, planned.connect_as.known(), id).await?;
    let names = BTreeSet::from([table.clone()]);
    let tables = target.tables_named(&at, &names, &budget).await?;
    found.extend(policy.admit(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(table))));
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
    let read = |it: std::sync::Arc<_>| async move { membership::read(&it, Some(name)).await };
    let role = target.read(at, &budget, "reading memberships", read).await?;
    let warning = role.and_then(|role| tables_owned::check(&[there], &role, &path!(table)));
    Ok(call.policy().admit(&tables_owned::CHECK, warning))
}
