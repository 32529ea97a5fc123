//! What a plan says of a grant, by the live database. All are warnings: something else in the run may cure them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::messages;
use super::model::{Facts, Model, Scope};
use crate::checks::{tables_exist, tables_grantable};
use crate::handler::{Call, Context, two_addresses};
use crate::postgres::grant::Entry;
use crate::postgres::{Connection, RoleName, ServerVersion, TableName};
use crate::target::{Database, DatabaseLocation, Error, GrantId};

impl Facts {
    /// Without schemas no other tables than the listed ones matter.
    pub(super) async fn shared(
        call: &Call<'_>,
        at: &Database,
        connect_as: Option<&RoleName>,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let (target, budget) = (call.target(), call.budget());
        let tables = if scope.schemas.is_empty() {
            target.tables_named(at, &scope.tables, &budget).await?
        } else {
            target.tables(at, &budget).await?
        };
        let may_act_for = target.may_act_for(at, connect_as, &budget).await?;
        let writer = match connect_as {
            Some(role) => role.clone(),
            None => target.default_role(at, &budget).await?,
        };
        Ok(Self { tables, writer, may_act_for })
    }
}

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the grant");
    call.plans(plan, |it, database| Some(GrantId { database, role: it.role.known()?.clone() }));
    if let Some((Attr::Known(id), Ok(scope))) = plan.destroy().map(|it| (&it.id, it.scope())) {
        let others: Vec<Scope> = call.plan_destroy_of_part(id, &scope);
        if others.iter().any(|it| it.is_the_same_as(&scope)) {
            return two_addresses(id).into();
        }
        if others.iter().any(|it| it.shares_with(&scope)) {
            return messages::revoked_by_another(&id.role).into();
        }
    }
    if plan.replaces() {
        return call.unless_renamed(plan).await;
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
    let policy = call.policy();
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return wrong,
    };
    if let Some(location) = location.as_ref().filter(|_| planned.scope().is_ok_and(|it| it.wants_maintain())) {
        match version(&call, location).await {
            Ok(version) if !version.has_maintain() => return messages::no_maintain(version).into(),
            Ok(_) => {}
            Err(error) => return call.unseen(location).told(&error),
        }
    }
    if !policy.asks(&tables_exist::CHECK) && !policy.asks(&tables_grantable::CHECK) {
        return Diagnostics::none();
    }
    let unknown = planned.schemas.is_unknown() || planned.tables.is_unknown() || planned.connect_as.is_unknown();
    let (Some(location), Ok(scope), false) = (location, planned.scope(), unknown) else { return Diagnostics::none() };
    match facts(&call, &location, &scope, planned.connect_as.known()).await {
        Ok(found) => found,
        Err(error) => call.unseen(&location).told(&error),
    }
}

async fn version(call: &Call<'_>, location: &DatabaseLocation) -> Result<ServerVersion, Error> {
    let (target, budget) = (call.target(), call.budget());
    let at = target.database(location, &budget).await?;
    target.read(&at, &budget, "reading the version", |it: Arc<Connection>| async move { Ok(it.version()) }).await
}

/// All checks of a grant.
async fn facts(
    call: &Call<'_>,
    location: &DatabaseLocation,
    scope: &Scope,
    connect_as: Option<&RoleName>,
) -> Result<Diagnostics, Error> {
    let (target, policy, budget) = (call.target(), call.policy(), call.budget());
    let id = |database| GrantId { database, role: scope.role.clone() };
    let (at, mut found) = call.planned_database(location, connect_as, id).await?;
    let held = target.holdings(&at, &scope.role, &budget).await?.unwrap_or_default();
    let facts = Facts::shared(call, &at, connect_as, scope).await?;
    let absent = tables_exist::check(&facts.tables, &scope.tables, &path!(tables));
    found.extend(policy.admit(&tables_exist::CHECK, absent));
    // A `connect_as` that is not there yet may be created in the same run.
    if !policy.asks(&tables_grantable::CHECK) || !facts.may_act_for.contains(&facts.writer) {
        return Ok(found);
    }
    let missing = scope.missing(&facts, &held);
    let to_give: BTreeSet<TableName> = missing
        .into_iter()
        .filter_map(|it| match it {
            Entry::Table(table, _) => Some(table),
            _ => None,
        })
        .collect();
    let of_others = tables_grantable::of_others(&facts.tables, &to_give, &facts.may_act_for);
    if !of_others.is_empty() {
        let options = target.grant_options(&at, connect_as, &budget).await?;
        let at = if scope.schemas.is_empty() { path!(tables) } else { path!(schemas) };
        let warning =
            tables_grantable::check(&of_others, &options, &scope.privileges, &facts.writer, &scope.tables, &at);
        found.extend(policy.admit(&tables_grantable::CHECK, warning));
    }
    Ok(found)
}
