//! Creates, alters and drops a role with SQL: apart from `apply.rs`, because the Neon API and SQL share no step.

use std::collections::BTreeSet;

use tfplugin::{Diagnostics, path};

use super::apply::stays;
use super::messages;
use super::model::{Drift, Found, Model};
use crate::handler::{Call, Stop, removed_with_its_container};
use crate::postgres::role::{self, Role, Tie};
use crate::postgres::role_change::{self, ReplicationBy, Wanted};
use crate::postgres::{DatabaseName, Kind, RoleName, Session, Tx, Usage};
use crate::secret::Secret;
use crate::target::{self, Container, Database, Error, RoleId, Server};

/// The database of a server that is reached directly: each server has it, unless somebody dropped it (manual, 23.3).
const MAINTENANCE: &str = "postgres";

/// Databases to run SQL in, the named one first. A role is the same from each of them.
async fn databases(call: &Call<'_>, named: Option<&DatabaseName>, id: &RoleId) -> Result<Vec<Database>, Error> {
    let mut names: Vec<DatabaseName> = named.into_iter().cloned().collect();
    match &id.server {
        Server::Direct => names.push(target::database_name(MAINTENANCE)?),
        Server::Neon(branch) => {
            let client = call.target().neon()?;
            match client.list_databases(&branch.project, &branch.id, &call.budget()).await {
                Ok(found) => {
                    for it in found {
                        names.push(target::database_name(&it.name)?);
                    }
                }
                Err(error) => return Err(call.target().absent_on(branch, error, &call.budget()).await),
            }
        }
    }
    Ok(names.into_iter().map(|name| Database { server: id.server.clone(), name }).collect())
}

/// The first database that can be entered, and a session there. The error is that of the first one.
async fn entered(call: &Call<'_>, named: Option<&DatabaseName>, id: &RoleId) -> Result<(Database, Session), Error> {
    let mut first = None;
    for at in databases(call, named, id).await? {
        match call.target().connect(&at, &call.budget(), "reading a role").await {
            Ok(session) => return Ok((at, session)),
            Err(error) => {
                tracing::info!(%at, %error, "reading the role from the next database");
                first.get_or_insert(error);
            }
        }
    }
    Err(match (first, &id.server) {
        (Some(error), _) => error,
        (None, Server::Neon(branch)) => Error::NoDatabase(branch.clone()),
        (None, Server::Direct) => Error::NotNeon,
    })
}

async fn home(call: &Call<'_>, model: &Model, id: &RoleId) -> Result<Database, Diagnostics> {
    entered(call, model.database.known(), id).await.map(|(at, _)| at).map_err(|error| call.failed(&error))
}

async fn seen(session: &mut Session, id: &RoleId) -> Result<Option<(Role, ReplicationBy)>, Error> {
    let found = session.read(|it| async move {
        let Some(found) = role::read(&it, &id.name).await? else { return Ok(None) };
        Ok(Some((found, role_change::replication_by(&it).await?)))
    });
    Ok(found.await?)
}

/// Whether an imported role was created with SQL: it is no member of `neon_superuser`. What cannot be looked at counts
/// as created by the API, which needs no connection.
pub(super) async fn is_created_with_sql(call: &Call<'_>, id: &RoleId) -> bool {
    let look = async {
        let (_, mut session) = entered(call, None, id).await?;
        seen(&mut session, id).await
    };
    match look.await {
        Ok(Some((found, _))) => !found.member_of.iter().any(|it| it.as_str() == "neon_superuser"),
        Ok(None) => false,
        Err(error) => {
            tracing::info!(role = %id.name, %error, "how the role was created is not known");
            false
        }
    }
}

/// The role; `None` when it or its branch is gone.
pub(super) async fn read(call: &Call<'_>, state: &Model, id: &RoleId) -> Result<Option<Found>, Diagnostics> {
    let look = async {
        let (_, mut session) = entered(call, state.database.known(), id).await?;
        seen(&mut session, id).await
    };
    match look.await {
        Ok(Some((found, by))) => Ok(Some(Found::of_sql(false, Drift::of(&found, &state.wanted(), by)))),
        Ok(None) | Err(Error::Gone { container: Container::Branch, .. }) => Ok(None),
        // Without a database to look from, nothing is known of the role.
        Err(error) => Err(call.failed(&error)),
    }
}

/// The password that the configuration gives, which neither plan nor state have.
fn password(call: &Call<'_>) -> Result<Option<Secret>, Diagnostics> {
    let config = call.cx().config::<Model>()?;
    Ok(config.password_wo.known().map(|it| Secret::new(it.expose())))
}

/// Creates the role, or adopts one, which then has what is declared and no more.
pub(super) async fn create(call: &Call<'_>, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let at = home(call, plan, id).await?;
    let (name, wanted, password) = (&id.name, &plan.wanted(), &password(call)?);
    let adopts = plan.adopt.is_true();
    let db = call.at(at);
    let done = db.transaction(&tfplugin::Attr::Null, |tx, attempt| async move {
        let by = role_change::replication_by(&tx).await?;
        let found = role::read(&tx, name).await?;
        let statements = match &found {
            // The answer to COMMIT was lost: it is the role of this call.
            Some(_) if attempt.after_lost_commit => return Ok(false),
            Some(_) if !adopts => return Err(messages::exists(id).into()),
            Some(found) => {
                return alter(&tx, found, (wanted, by), password.as_ref(), &BTreeSet::new()).await.map(|()| true);
            }
            None => role_change::create(name, wanted, by, password.as_ref()),
        };
        tx.run(&statements).await?;
        Ok(false)
    });
    let adopted = done.await.map_err(|stop| explained(call, stop))?;
    call.claim(id);
    if !adopted || password.is_some() {
        call.target().password_set(&id.server, name);
    }
    Ok(Found::of_sql(adopted, Drift::default()))
}

/// Alters the role, and looks again: a membership that another role granted outlasts the `REVOKE`.
async fn alter(
    tx: &Tx,
    found: &Role,
    (wanted, by): (&Wanted, ReplicationBy),
    password: Option<&Secret>,
    left: &BTreeSet<RoleName>,
) -> Result<(), Stop> {
    tx.run(&role_change::alter(found, wanted, by, password, left)).await?;
    let leaves = role_change::leaves(found, wanted, by, left);
    if leaves.is_empty() {
        return Ok(());
    }
    let mut kept = role_change::memberships(tx, &found.name).await?;
    kept.retain(|(group, _)| leaves.contains(group));
    if kept.is_empty() { Ok(()) } else { Err(messages::granted_by_others(&found.name, &kept).into()) }
}

/// Sets right what differs from the plan, and a new password where the plan has a new version of it.
pub(super) async fn update(call: &Call<'_>, prior: &Model, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let at = home(call, plan, id).await?;
    let (name, wanted) = (&id.name, &plan.wanted());
    let password = &if plan.sets_password(prior) { password(call)? } else { None };
    let left = &prior.member_of.known().cloned().unwrap_or_default();
    let db = call.at(at);
    let done = db.transaction(&tfplugin::Attr::Null, |tx, _| async move {
        let by = role_change::replication_by(&tx).await?;
        let Some(found) = role::read(&tx, name).await? else { return Err(messages::gone(id).into()) };
        alter(&tx, &found, (wanted, by), password.as_ref(), left).await
    });
    done.await.map_err(|stop| explained(call, stop))?;
    if password.is_some() {
        call.target().password_set(&id.server, name);
    }
    Ok(Found::of_sql(false, Drift::default()))
}

/// Drops the role. What it owns refuses the drop; what it holds is revoked in each database, one by one.
pub(super) async fn delete(call: &Call<'_>, state: &Model, id: &RoleId) -> Result<(), Diagnostics> {
    if stays(call, state, id) {
        return Ok(());
    }
    let name = &id.name;
    let (at, mut session) = match entered(call, state.database.known(), id).await {
        Ok(found) => found,
        Err(error @ (Error::Gone { container: Container::Branch, .. } | Error::ProjectNotFound { .. })) => {
            return removed_with_its_container(call, &error).await;
        }
        Err(error) => return Err(call.failed(&error)),
    };
    let dependants = session.read(|it| async move { role::dependants(&it, name).await }).await;
    let dependants = dependants.map_err(|error| call.refused(&error, path!(name)))?;
    drop(session);
    messages::owns_by_sql(name, &dependants).map_or(Ok(()), Err)?;
    let held = dependants.iter().filter(|it| it.tie == Tie::Privilege).filter_map(|it| it.database.clone());
    let others: BTreeSet<DatabaseName> = held.filter(|it| *it != at.name).collect();
    let others = others.into_iter().map(|name| (Database { name, ..at.clone() }, false));
    for (at, drops) in others.chain([(at.clone(), true)]) {
        let db = call.at(at);
        let mut session = db.writer(&tfplugin::Attr::Null, Usage::Write).await?;
        let done = db.transaction_on(&mut session, |tx, _| async move {
            if role::read(&tx, name).await?.is_none() {
                return Ok(());
            }
            let mut statements = role_change::revoke_all(&tx, name).await?;
            if drops {
                statements.push(role_change::drop(name));
            }
            tx.run(&statements).await?;
            Ok(())
        });
        done.await.map_err(|stop| explained(call, stop))?;
    }
    call.release(id);
    for warning in messages::lost(name, &dependants) {
        call.cx().warn(warning);
    }
    Ok(())
}

fn explained(call: &Call<'_>, stop: Stop) -> Diagnostics {
    match stop {
        Stop::Server(error) if error.kind() == Kind::InsufficientPrivilege => {
            messages::may_not(call.doing(), &error, call.target().is_direct()).into()
        }
        Stop::Server(error) if error.kind() == Kind::DependentObjects => {
            messages::still_needed(call.doing(), &error).into()
        }
        other => other.explain(call, |_| path!(name)),
    }
}
