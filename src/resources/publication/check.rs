//! What a plan says of a publication, by the live database.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::{Attr, Diagnostics, Plan, Severity, path};

use super::messages;
use super::model::{self, Entry, Model};
use super::private::{APPLIED_ALL_TABLES, Filters};
use crate::checks::tables_have_identity::Published;
use crate::checks::{
    all_tables_without_key, children_not_published, logical_replication_on, partitioned_without_root,
    supported_by_server, tables_exist, tables_have_identity, tables_owned, tables_publishable,
};
use crate::handler::{Call, Context};
use crate::postgres::publication::Operation;
use crate::postgres::table::{self, Tables};
use crate::postgres::{Connection, PublicationName, ServerVersion, TableName};
use crate::target::{Database, DatabaseLocation, Error};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
    let call = Call::new(cx, "check the publication");
    let mut found = Diagnostics::none();
    if let Some(prior) = plan.prior.as_ref().filter(|prior| planned.turns(prior)) {
        let applied = cx.private().get::<bool>(APPLIED_ALL_TABLES);
        let outside = applied.is_some_and(|it| planned.all_tables == Attr::Known(it));
        found.push(messages::turn(planned, outside, prior));
    }
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return found + wrong,
    };
    if call.policy().is_off() {
        return found;
    }
    let (Some(location), Some(name)) = (location, planned.name.known()) else { return found };
    match facts(&call, &location, name, plan.prior.as_ref(), planned).await {
        Ok(more) => found + more,
        Err(error) => found + call.unseen(&location).told(&error),
    }
}

/// All checks of a publication.
async fn facts(
    call: &Call<'_>,
    location: &DatabaseLocation,
    name: &PublicationName,
    prior: Option<&Model>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    let at = call.resolved(location, planned.connect_as.known()).await?;
    let mut found = supported(call, &at, planned).await?;
    let enabled_first = target.is_to_be_enabled(&at.server);
    if prior.is_none() && !enabled_first && policy.asks(&logical_replication_on::CHECK) {
        let settings = target.server_settings(&at, &budget).await?;
        found.extend(
            policy.admit(&logical_replication_on::CHECK, logical_replication_on::check(&settings, &path!(project_id))),
        );
    }
    if planned.all_tables.is_true() {
        if let Some(publish) = planned.publish.known().filter(|_| policy.asks(&all_tables_without_key::CHECK)) {
            let tables = target.tables(&at, &budget).await?;
            let warning = all_tables_without_key::check(&tables, publish, &path!(all_tables));
            found.extend(policy.admit(&all_tables_without_key::CHECK, warning));
        }
        return Ok(found);
    }
    let Some(entries) = planned.tables.known() else { return Ok(found) };
    let names: BTreeSet<TableName> = entries.iter().filter_map(|it| it.table().ok()).collect();
    let tables = target.tables_named(&at, &names, &budget).await?;
    found.extend(policy.admit(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(tables))));
    found.extend(policy.admit(&tables_publishable::CHECK, tables_publishable::check(&tables, &names, &path!(tables))));
    found.extend(
        policy.admit(&children_not_published::CHECK, children_not_published::check(&tables, &names, &path!(tables))),
    );
    if !planned.publish_via_partition_root.is_unknown() {
        let via_root = planned.publish_via_partition_root.is_true();
        found.extend(policy.admit(
            &partitioned_without_root::CHECK,
            partitioned_without_root::check(&tables, &names, via_root, &path!(publish_via_partition_root)),
        ));
    }
    if policy.asks(&tables_owned::CHECK) {
        found.extend(owned(call, &at, &tables, &names, planned).await?);
    }
    if policy.asks(&tables_have_identity::CHECK) {
        found.extend(identities(call, &at, name, &tables, entries, prior, planned).await?);
    }
    Ok(found)
}

/// Arguments that came with later versions of Postgres. The version is asked for where one of them is set.
async fn supported(call: &Call<'_>, at: &Database, planned: &Model) -> Result<Diagnostics, Error> {
    let Some(want) =
        planned.definition(&Filters::new()).ok().filter(|_| call.policy().asks(&supported_by_server::CHECK))
    else {
        return Ok(Diagnostics::none());
    };
    if model::unsupported(ServerVersion::from_num(0), &want, supported_by_server::check).is_empty() {
        return Ok(Diagnostics::none());
    }
    let read = |it: Arc<Connection>| async move { Ok(it.version()) };
    let version = call.target().read(at, &call.budget(), "reading the version", read).await?;
    let refusals = model::unsupported(version, &want, supported_by_server::check);
    Ok(call.policy().admit(&supported_by_server::CHECK, refusals))
}

async fn identities(
    call: &Call<'_>,
    at: &Database,
    name: &PublicationName,
    tables: &Tables,
    entries: &BTreeSet<Entry>,
    prior: Option<&Model>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let Some(publish) = planned.publish.known() else { return Ok(Diagnostics::none()) };
    let published = published(entries, prior, publish);
    let checked = |tables: &Tables| tables_have_identity::check(tables, name, &published, publish, &path!(tables));
    let mut found = checked(tables);
    if found.iter().any(|it| it.severity == Severity::Error) {
        // No error from what may have been read a while ago.
        let names: BTreeSet<TableName> = published.iter().map(|it| it.table.clone()).collect();
        let names = &names;
        let fresh = call
            .target()
            .read(at, &call.budget(), "reading tables", |it| async move { table::read(&it, names).await.map(Arc::new) })
            .await?;
        found = checked(&fresh);
    }
    Ok(call.policy().admit(&tables_have_identity::CHECK, found))
}

/// The listed tables, and which of them this run begins to publish for updates or deletes.
pub(super) fn published(
    entries: &BTreeSet<Entry>,
    prior: Option<&Model>,
    publish: &BTreeSet<Operation>,
) -> Vec<Published> {
    let before: BTreeSet<TableName> = prior
        .filter(|prior| {
            let published = prior.publish.known();
            publish.iter().filter(|it| it.needs_identity()).all(|it| published.is_some_and(|all| all.contains(it)))
        })
        .and_then(|prior| prior.tables.known())
        .map(|tables| tables.iter().filter_map(|it| it.table().ok()).collect())
        .unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| {
            let table = entry.table().ok()?;
            let is_new = !before.contains(&table);
            Some(Published { table, has_reference: entry.has_reference(), is_new })
        })
        .collect()
}

async fn owned(
    call: &Call<'_>,
    at: &Database,
    tables: &Tables,
    names: &BTreeSet<TableName>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let (target, budget) = (call.target(), call.budget());
    let name = match &planned.connect_as {
        Attr::Unknown => return Ok(Diagnostics::none()),
        Attr::Known(role) => role.clone(),
        Attr::Null => target.default_role(at, &budget).await?,
    };
    let foreign = tables_owned::of_others(tables, names, &name);
    if foreign.is_empty() {
        return Ok(Diagnostics::none());
    }
    let role = target.membership(at, &name, &budget).await?;
    let warning = role.as_ref().as_ref().and_then(|role| tables_owned::check(&foreign, role, &path!(tables)));
    Ok(call.policy().admit(&tables_owned::CHECK, warning))
}
