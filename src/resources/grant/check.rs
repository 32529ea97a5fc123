//! A planned grant against the world: tables that are not there, and tables that others own.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::{Diagnostics, Plan, path};

use super::Model;
use super::scope::{Facts, Scope};
use crate::checks::{tables_exist, tables_grantable};
use crate::context::Context;
use crate::postgres::grant::Entry;
use crate::postgres::privilege;
use crate::postgres::{Connection, RoleName, TableName};
use crate::resources::access;
use crate::session::{Error, Location};

/// Both are warnings: something else in the run may cure them. Unknown arguments mean silence.
pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
    let policy = access::policy(cx);
    if !policy.asks(&tables_exist::CHECK) && !policy.asks(&tables_grantable::CHECK) {
        return Diagnostics::none();
    }
    let configured = plan.config.as_ref().map(|it| &it.branch_id);
    let at = access::checked_location(&planned.project_id, &planned.branch_id, configured, &planned.database);
    let unknown = planned.schemas.is_unknown() || planned.tables.is_unknown() || planned.connect_as.is_unknown();
    let (Some(at), false) = (at, unknown) else { return Diagnostics::none() };
    let (Ok(scope), Ok(connect_as)) = (planned.scope(), planned.writer()) else { return Diagnostics::none() };
    match judged(cx, &at, &scope, connect_as).await {
        Ok(said) => said,
        Err(error) => access::not_checked(cx, &at, &error),
    }
}

/// The world, and what can be said of it.
async fn judged(
    cx: &Context,
    at: &Location,
    scope: &Scope,
    connect_as: Option<RoleName>,
) -> Result<Diagnostics, Error> {
    let (session, policy, budget) = (access::session(cx), access::policy(cx), access::budget(cx));
    let place = session.place(at, &budget).await?;
    let held = session.holdings(&place, &scope.role, &budget).await?.unwrap_or_default();
    let facts = Facts::shared(session, &place, connect_as.clone(), &budget).await?;
    let absent = tables_exist::check(&facts.tables, &scope.tables, &path!(tables));
    let mut said = policy.judge(&tables_exist::CHECK, absent);
    // A `connect_as` that is not there yet may be made in the same run.
    if !policy.asks(&tables_grantable::CHECK) || !facts.may_act_for.contains(&facts.writer) {
        return Ok(said);
    }
    let missing = scope.wanted(&facts).missing(&facts.tables, &held);
    let to_give: BTreeSet<TableName> = missing
        .into_iter()
        .filter_map(|it| match it {
            Entry::Table(table, _) => Some(table),
            _ => None,
        })
        .collect();
    let of_others = tables_grantable::of_others(&facts.tables, &to_give, &facts.may_act_for);
    if !of_others.is_empty() {
        let who = connect_as.as_ref();
        let read = |it: Arc<Connection>| async move { privilege::grant_options(&it, who).await };
        let options = session.read(&place, &budget, "reading grant options", read).await?;
        let at = if scope.schemas.is_empty() { path!(tables) } else { path!(schemas) };
        let found = tables_grantable::check(&of_others, &options, &scope.privileges, &facts.writer, &at);
        said.extend(policy.judge(&tables_grantable::CHECK, found));
    }
    Ok(said)
}
