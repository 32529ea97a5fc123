//! Creates, alters and drops a role with SQL: apart from `apply.rs`, because the Neon API and SQL share no step.

use std::collections::BTreeSet;

use tfplugin::{Diagnostics, path};

use super::apply::{entered, stays};
use super::messages;
use super::model::{Drift, Found, Model};
use crate::handler::{Call, Stop, removed_with_its_container};
use crate::postgres::role::{self, Role, Tie};
use crate::postgres::role_change::{self, Former, ReplicationBy, Wanted};
use crate::postgres::{DatabaseName, Kind, Session, Tx, Usage, generated_password, role_settings};
use crate::secret::Secret;
use crate::target::{Container, Database, Error, RoleId};

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

/// The password that the configuration gives, which neither plan nor state have. Without one, Neon keeps a generated password:
/// its computes report the passwords that are set with SQL (`pgxn/neon/neon_ddl_handler.c` of neondatabase/neon).
fn password(call: &Call<'_>) -> Result<Option<Secret>, Diagnostics> {
    let config = call.cx().config::<Model>()?;
    if let Some(given) = config.password_wo.known() {
        return Ok(Some(Secret::new(given.expose())));
    }
    if call.target().is_direct() {
        return Ok(None);
    }
    generated_password::generate().map(Some).map_err(|error| call.refused(&error, path!(password_wo)))
}

/// Creates the role, or adopts one, which then has what is declared and no more.
pub(super) async fn create(call: &Call<'_>, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let at = home(call, plan, id).await?;
    let (name, wanted, password) = (&id.name, &plan.wanted(), &password(call)?);
    let adopts = plan.adopt.is_true();
    // The password of an adopted role changes only where one is declared.
    let of_adopted = if plan.password_wo_version.is_null() { &None } else { password };
    let db = call.at(at);
    let done = db.transaction(&tfplugin::Attr::Null, |tx, attempt| async move {
        let by = role_change::replication_by(&tx).await?;
        let found = role::read(&tx, name).await?;
        let statements = match &found {
            // The answer to COMMIT was lost: it is the role of this call.
            Some(_) if attempt.after_lost_commit => return Ok(false),
            Some(_) if !adopts => return Err(messages::exists(id).into()),
            Some(found) => {
                return alter(&tx, (id, found), (wanted, by), of_adopted.as_ref(), &Former::default())
                    .await
                    .map(|()| true);
            }
            None => role_change::create(name, wanted, by, password.as_ref()),
        };
        tx.run(&statements).await?;
        insist_on_settings(&tx, id, wanted).await?;
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
    (id, found): (&RoleId, &Role),
    (wanted, by): (&Wanted, ReplicationBy),
    password: Option<&Secret>,
    former: &Former,
) -> Result<(), Stop> {
    tx.run(&role_change::alter(found, wanted, by, password, former)).await?;
    if !role_settings::holds(&found.settings, &wanted.settings) {
        insist_on_settings(tx, id, wanted).await?;
    }
    let leaves = role_change::leaves(found, wanted, by, &former.groups);
    if leaves.is_empty() {
        return Ok(());
    }
    let mut kept = role_change::memberships(tx, &found.name).await?;
    kept.retain(|(group, _)| leaves.contains(group));
    if kept.is_empty() { Ok(()) } else { Err(messages::granted_by_others(&found.name, &kept).into()) }
}

/// Refuses settings that Postgres stored under another name, which would be a difference in every plan.
async fn insist_on_settings(tx: &Tx, id: &RoleId, wanted: &Wanted) -> Result<(), Stop> {
    if wanted.settings.is_empty() {
        return Ok(());
    }
    let Some(found) = role::read(tx, &id.name).await? else { return Err(messages::gone(id).into()) };
    messages::not_stored(&id.name, &wanted.settings, &found.settings).map_or(Ok(()), |refused| Err(refused.into()))
}

/// Sets right what differs from the plan, and a new password where the plan has a new version of it.
pub(super) async fn update(call: &Call<'_>, prior: &Model, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let at = home(call, plan, id).await?;
    let (name, wanted) = (&id.name, &plan.wanted());
    let password = &if plan.sets_password(prior) { password(call)? } else { None };
    let former = &prior.former();
    let db = call.at(at);
    let done = db.transaction(&tfplugin::Attr::Null, |tx, _| async move {
        let by = role_change::replication_by(&tx).await?;
        let Some(found) = role::read(&tx, name).await? else { return Err(messages::gone(id).into()) };
        alter(&tx, (id, &found), (wanted, by), password.as_ref(), former).await
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
    let _turn = call.target().turn_to_delete(&id.server, &call.budget()).await.map_err(|error| call.failed(&error))?;
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
