//! What a plan says of a publication, by the world as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::{Diagnostic, Diagnostics, path};

use super::Model;
use super::entry::Entry;
use crate::checks::tables_have_identity::Published;
use crate::checks::{
    all_tables_without_key, logical_replication_on, partitioned_without_root, tables_exist, tables_have_identity,
    tables_owned, tables_publishable,
};
use crate::context::Context;
use crate::postgres::publication::Operation;
use crate::postgres::table::{self, Tables};
use crate::postgres::{PublicationName, RoleName, TableName, role};
use crate::resources::access::{budget, policy, session};
use crate::session::{Error, Location, Place};

/// From a list to all tables, or back. `outside`: configuration did not change, the publication did.
pub(super) fn turn(planned: &Model, outside: bool, prior: &Model) -> Diagnostic {
    let words = |all: bool| if all { "all tables" } else { "a list of tables" };
    let (before, after) = (words(prior.all_tables.is_true()), words(planned.all_tables.is_true()));
    let name = planned.name.known().map_or("", String::as_str);
    let change = format!(
        "From {before} to {after} there is no ALTER: the publication is dropped and created in one transaction. Slots behind it \
         lose nothing and its comment is kept; its `oid` changes, and its owner is the connecting role."
    );
    if planned.allow_replace.is_true() {
        let detail = format!("{change} `allow_replace` agrees to that.");
        return Diagnostic::warning(format!("Publication `{name}` is dropped and created"), detail)
            .at(path!(all_tables));
    }
    let advice = "Set `allow_replace = true` to agree to that.";
    if outside {
        let detail = format!("It was changed outside to {before}. {change}\n\n{advice} Without it the apply refuses.");
        return Diagnostic::warning(format!("Publication `{name}` was changed outside"), detail).at(path!(all_tables));
    }
    let summary = format!("Publication `{name}` cannot become one of {after} in place");
    Diagnostic::error(summary, format!("{change}\n\n{advice}")).at(path!(all_tables))
}

/// All checks of a publication.
pub(super) async fn plan(
    cx: &Context,
    location: &Location,
    name: &PublicationName,
    prior: Option<&Model>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let (session, policy) = (session(cx), policy(cx));
    let place = session.place(location, &budget(cx)).await?;
    let mut found = Diagnostics::none();
    let enabled_first = session.is_to_be_enabled(&place.project);
    if prior.is_none() && !enabled_first && policy.asks(&logical_replication_on::CHECK) {
        let settings = session.server_settings(&place, &budget(cx)).await?;
        found.extend(
            policy.judge(&logical_replication_on::CHECK, logical_replication_on::check(&settings, &path!(project_id))),
        );
    }
    if planned.all_tables.is_true() {
        if let Some(publish) = planned.operations().filter(|_| policy.asks(&all_tables_without_key::CHECK)) {
            let tables = session.tables(&place, &budget(cx)).await?;
            let warning = all_tables_without_key::check(&tables, &publish, &path!(all_tables));
            found.extend(policy.judge(&all_tables_without_key::CHECK, warning));
        }
        return Ok(found);
    }
    let Some(entries) = planned.tables.known() else { return Ok(found) };
    let names: BTreeSet<TableName> = entries.iter().filter_map(|it| it.table().ok()).collect();
    let tables = session.tables_named(&place, &names, &budget(cx)).await?;
    found.extend(policy.judge(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(tables))));
    found.extend(policy.judge(&tables_publishable::CHECK, tables_publishable::check(&tables, &names, &path!(tables))));
    if !planned.publish_via_partition_root.is_unknown() {
        let via_root = planned.publish_via_partition_root.is_true();
        found.extend(policy.judge(
            &partitioned_without_root::CHECK,
            partitioned_without_root::check(&tables, &names, via_root, &path!(publish_via_partition_root)),
        ));
    }
    if policy.asks(&tables_owned::CHECK) {
        found.extend(owned(cx, &place, &tables, &names, planned).await?);
    }
    if policy.asks(&tables_have_identity::CHECK) {
        found.extend(identities(cx, &place, name, &tables, entries, prior, planned).await?);
    }
    Ok(found)
}

async fn identities(
    cx: &Context,
    place: &Place,
    name: &PublicationName,
    tables: &Tables,
    entries: &BTreeSet<Entry>,
    prior: Option<&Model>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let Some(publish) = planned.operations() else { return Ok(Diagnostics::none()) };
    let published = published(entries, prior, &publish);
    let judge = |tables: &Tables| tables_have_identity::check(tables, name, &published, &publish, &path!(tables));
    let mut found = judge(tables);
    if found.iter().any(|it| it.severity == tfplugin::Severity::Error) {
        // No error from what may have been read a while ago.
        let names: BTreeSet<TableName> = published.iter().map(|it| it.table.clone()).collect();
        let names = &names;
        let fresh = session(cx)
            .read(place, &budget(cx), "reading tables", |it| async move { table::read(&it, names).await.map(Arc::new) })
            .await?;
        found = judge(&fresh);
    }
    Ok(policy(cx).judge(&tables_have_identity::CHECK, found))
}

/// The listed tables, and which of them this run begins to publish for updates or deletes.
pub(super) fn published(
    entries: &BTreeSet<Entry>,
    prior: Option<&Model>,
    publish: &BTreeSet<Operation>,
) -> Vec<Published> {
    let before: BTreeSet<TableName> = prior
        .filter(|prior| {
            let published = prior.operations().unwrap_or_default();
            publish.iter().filter(|it| it.needs_identity()).all(|it| published.contains(it))
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
    cx: &Context,
    place: &Place,
    tables: &Tables,
    names: &BTreeSet<TableName>,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let session = session(cx);
    let name = match &planned.connect_as {
        tfplugin::Attr::Unknown => return Ok(Diagnostics::none()),
        configured => match configured.known().and_then(|it| RoleName::parse(it).ok()) {
            Some(role) => role,
            None => session.owner(place, &budget(cx)).await?,
        },
    };
    let foreign = tables_owned::of_others(tables, names, &name);
    if foreign.is_empty() {
        return Ok(Diagnostics::none());
    }
    let name = &name;
    let role =
        session.read(place, &budget(cx), "reading a role", |it| async move { role::read(&it, name).await }).await?;
    let warning = role.and_then(|role| tables_owned::check(&foreign, &role, &path!(tables)));
    Ok(policy(cx).judge(&tables_owned::CHECK, warning))
}
