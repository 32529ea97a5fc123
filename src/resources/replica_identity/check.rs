//! What a plan says of a replica identity, by the world as it is.

use std::collections::BTreeSet;

use tfplugin::{Diagnostics, path};

use super::Model;
use super::change::{facts, unserved};
use crate::checks::{mode_serves_publications, tables_exist, tables_owned};
use crate::context::Context;
use crate::postgres::replica_identity::Mode;
use crate::postgres::{self, TableName, role};
use crate::resources::access::{budget, policy, session};
use crate::session::{self, Location};

/// All checks of a replica identity.
pub(super) async fn plan(
    cx: &Context,
    location: &Location,
    table: &TableName,
    mode: &Mode,
    planned: &Model,
) -> Result<Diagnostics, session::Error> {
    let (session, budget, policy) = (session(cx), budget(cx), policy(cx));
    let place = session.place(location, &budget).await?;
    let names = BTreeSet::from([table.clone()]);
    let tables = session.tables_named(&place, &names, &budget).await?;
    let mut found = policy.judge(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(table)));
    let Some(there) = tables.get(table).filter(|it| it.identity != *mode) else { return Ok(found) };
    if policy.asks(&mode_serves_publications::CHECK) {
        let facts = session
            .read(&place, &budget, "reading publications of a table", |it| async move { facts(&it, table, mode).await })
            .await?;
        // An index that is not suitable is refused by the apply with better words.
        if let Some(facts) = facts.filter(|it| it.index_valid || !matches!(mode, Mode::Index(_))) {
            let unserved = unserved(&facts, mode);
            found.extend(policy.judge(
                &mode_serves_publications::CHECK,
                mode_serves_publications::check(table, mode, &unserved, &path!(mode)),
            ));
        }
    }
    if policy.asks(&tables_owned::CHECK) {
        let role = match planned.connect_as.known().and_then(|it| postgres::RoleName::parse(it).ok()) {
            Some(role) => role,
            None => session.owner(&place, &budget).await?,
        };
        if there.owner != role {
            let name = &role;
            let role = session
                .read(&place, &budget, "reading a role", |it| async move { role::read(&it, name).await })
                .await?;
            let found_owner = role.and_then(|role| tables_owned::check(&[there], &role, &path!(table)));
            found.extend(policy.judge(&tables_owned::CHECK, found_owner));
        }
    }
    Ok(found)
}
