//! A planned grant against the world: tables that are not there, and tables that others own.

use std::collections::BTreeSet;

use super::Model;
use super::scope::{Facts, Scope};
use crate::checks::{tables_exist, tables_grantable};
use crate::context::Context;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::resource::Plan;
use crate::path;
use crate::postgres::grant::Entry;
use crate::postgres::{RoleName, TableName};
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
    match facts(cx, &at, &scope, connect_as).await {
        Ok((facts, to_give)) => judge(cx, &scope, &facts, &to_give),
        Err(error) => access::not_checked(cx, &at, &error),
    }
}

/// The world, and the tables on which something is missing.
async fn facts(
    cx: &Context,
    at: &Location,
    scope: &Scope,
    connect_as: Option<RoleName>,
) -> Result<(Facts, BTreeSet<TableName>), Error> {
    let (session, budget) = (access::session(cx), access::budget(cx));
    let place = session.place(at, &budget).await?;
    let held = session.holdings(&place, &scope.role, &budget).await?.unwrap_or_default();
    let facts = Facts::shared(session, &place, connect_as, &budget).await?;
    let missing = scope.wanted(&facts).missing(&facts.tables, &held);
    let tables = missing.into_iter().filter_map(|it| match it {
        Entry::Table(table, _) => Some(table),
        _ => None,
    });
    let tables = tables.collect();
    Ok((facts, tables))
}

fn judge(cx: &Context, scope: &Scope, facts: &Facts, to_give: &BTreeSet<TableName>) -> Diagnostics {
    let policy = access::policy(cx);
    let absent = tables_exist::check(&facts.tables, &scope.tables, &path!(tables));
    // A `connect_as` that is not there yet may be made in the same run.
    let known_writer = facts.may_act_for.contains(&facts.writer);
    let at = if scope.schemas.is_empty() { path!(tables) } else { path!(schemas) };
    let of_others = known_writer
        .then(|| tables_grantable::check(&facts.tables, to_give, &facts.writer, &facts.may_act_for, &at))
        .flatten();
    policy.judge(&tables_exist::CHECK, absent) + policy.judge(&tables_grantable::CHECK, of_others)
}
