//! What a plan says of a publication, by the live database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tfplugin::{Attr, Diagnostics, Plan, Severity, path};

use super::messages;
use super::model::{self, Entry, Model};
use super::private::{APPLIED_ALL_TABLES, Filters};
use crate::checks::tables_have_identity::{Promise, Published};
use crate::checks::{
    all_tables_without_key, children_not_published, logical_replication_on, partitioned_without_root,
    supported_by_server, tables_exist, tables_have_identity, tables_owned, tables_publishable,
};
use crate::handler::{Call, Context, Db};
use crate::postgres::identity::{self, Problem};
use crate::postgres::publication::Publication;
use crate::postgres::publisher::{self, Publisher};
use crate::postgres::table::{self, Tables};
use crate::postgres::{Connection, PublicationName, ServerVersion, TableName, membership};
use crate::target::{Database, DatabaseLocation, Error, PublicationId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the publication");
    call.plans(plan, |it, database| Some(PublicationId { database, name: it.name.known()?.clone() }));
    if let Some(Model { id: Attr::Known(id), .. }) = plan.destroy().filter(|it| !it.adopted.is_true()) {
        call.plan_destroy(id);
    }
    if plan.replaces() {
        return call.unless_renamed(plan).await;
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
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
    if plan.prior.is_none() {
        found = found + call.branch_lasts(&location).await;
    }
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
    let id = |database| PublicationId { database, name: name.clone() };
    let (at, mut found) = call.planned_database(location, planned.connect_as.known(), id).await?;
    found.extend(supported(call, &at, planned).await?);
    let enabled_first = target.is_to_be_enabled(&at.server);
    if prior.is_none() && !enabled_first && policy.asks(&logical_replication_on::CHECK) {
        let settings = target.server_settings(&at, &budget).await?;
        found.extend(
            policy.admit(&logical_replication_on::CHECK, logical_replication_on::check(&settings, &path!(project_id))),
        );
    }
    if planned.all_tables.is_true() {
        // What a publication of all tables has published before is said by the refresh.
        let begins = prior.is_none_or(|it| it.publishes_less_than(planned));
        if let Some(publish) = planned.publish.known().filter(|_| begins && policy.asks(&all_tables_without_key::CHECK))
        {
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
        found.extend(identities(call, &at, &tables, entries, prior, planned).await?);
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
    tables: &Tables,
    entries: &BTreeSet<Entry>,
    prior: Option<&Model>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let Some(wanted) = planned.as_planned(prior) else { return Ok(Diagnostics::none()) };
    let published = published(entries, prior, planned);
    let checked =
        |version, tables: &Tables| tables_have_identity::check(version, tables, &wanted, &published, &path!(tables));
    let budget = call.budget();
    let read = |it: Arc<Connection>| async move { Ok(it.version()) };
    let version = call.target().read(at, &budget, "reading the version", read).await?;
    let mut found = checked(version, tables);
    if found.iter().any(|it| it.severity == Severity::Error) {
        // No error from what may have been read a while ago.
        let names: BTreeSet<TableName> = published.iter().map(|it| it.table.clone()).collect();
        let names = &names;
        let fresh = call
            .target()
            .read(at, &budget, "reading tables", |it| async move { table::read(&it, names).await.map(Arc::new) })
            .await?;
        found = checked(version, &fresh);
    }
    Ok(call.policy().admit(&tables_have_identity::CHECK, found))
}

/// The listed tables, and which of them this run begins to publish for updates or deletes, or publishes in another way.
pub(super) fn published(entries: &BTreeSet<Entry>, prior: Option<&Model>, planned: &Model) -> Vec<Published> {
    let before = prior.filter(|prior| !prior.publishes_less_than(planned)).and_then(|prior| prior.tables.known());
    let is_unsure = planned.publish_via_partition_root.is_unknown();
    entries
        .iter()
        .filter_map(|entry| {
            let table = entry.table().ok()?;
            let is_same =
                |it: &Entry| it.name == entry.name && it.schema == entry.schema && it.columns == entry.columns;
            let is_new = !before.is_some_and(|all| all.iter().any(is_same));
            let promise = match &entry.replica_identity_id {
                Attr::Null => Promise::None,
                Attr::Unknown => Promise::Open,
                Attr::Known(_) => Promise::Kept,
            };
            Some(Published { table, promise, is_new, is_unsure: is_unsure || entry.columns.is_unknown() })
        })
        .collect()
}

/// Warns of tables of an existing publication whose UPDATE and DELETE fail now. What cannot be looked at is not refused.
pub(super) async fn lost(db: &Db<'_>, publication: &Publication) -> Diagnostics {
    let policy = db.call().policy();
    let needs_identity = publication.publish.iter().any(|it| it.needs_identity());
    if !needs_identity || !policy.asks(&tables_have_identity::CHECK) {
        return Diagnostics::none();
    }
    match broken(db, publication).await {
        Ok(broken) => {
            policy.admit(&tables_have_identity::CHECK, tables_have_identity::lost(&publication.name, &broken))
        }
        Err(error) => {
            tracing::info!(publication = %publication.name, %error, "the identities of published tables were not read");
            Diagnostics::none()
        }
    }
}

async fn broken(db: &Db<'_>, publication: &Publication) -> Result<BTreeMap<TableName, Problem>, Error> {
    let (target, at, budget) = (db.call().target(), db.at(), db.call().budget());
    let tables = if publication.all_tables || !publication.schemas.is_empty() {
        target.tables(at, &budget).await?
    } else {
        target.tables_named(at, &publication.tables.keys().cloned().collect(), &budget).await?
    };
    let filtered = publication.tables.values().any(|it| it.filter.is_some());
    let rows: BTreeSet<u32> = tables_have_identity::rows(&tables, publication).map(|(it, _)| it.oid).collect();
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (rows, name) = (&rows, &publication.name);
    // Which columns a row filter reads only the server knows.
    let read = |it: Arc<Connection>| async move {
        let sent = if filtered { publisher::read(&it, rows, Some(name)).await? } else { BTreeMap::new() };
        Ok((it.version(), sent))
    };
    let (version, sent) = target.read(at, &budget, "reading published tables", read).await?;
    if !filtered {
        let broken = tables_have_identity::broken(version, &tables, publication);
        return Ok(broken.into_iter().map(|it| (it.row, it.problem)).collect());
    }
    let problem = |(oid, publishers): (&u32, &Vec<Publisher>)| {
        let (table, publisher) = (tables.get_by_oid(*oid)?, publishers.first()?);
        Some((table.name.clone(), identity::problem(version, &table.facts(), &publisher.published_as)?))
    };
    Ok(sent.iter().filter_map(problem).collect())
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
    let name = &name;
    let read = |it: std::sync::Arc<_>| async move { membership::read(&it, Some(name)).await };
    let role = target.read(at, &budget, "reading memberships", read).await?;
    let warning = role.and_then(|role| tables_owned::check(&foreign, &role, &path!(tables)));
    Ok(call.policy().admit(&tables_owned::CHECK, warning))
}
