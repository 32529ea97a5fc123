//! Creates, rotates and deletes a role through the Neon API, and sets its settings as the role itself. Roles that are created with SQL are in `apply_sql.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::{Diagnostics, path};

use super::messages;
use super::model::{Found, Model};
use crate::handler::{Call, Stop, explain, removed_with_its_container};
use crate::neon::{self, Client, Kind, RoleCreation};
use crate::postgres::role::{self, Dependants, ForeignGrant, Tie};
use crate::postgres::{self, Connection, DatabaseName, Session, role_settings};
use crate::secret::Secret;
use crate::target::{self, Branch, Database, Error, RoleId, Server};

/// The API and the branch that a role is on.
struct Api<'a> {
    call: &'a Call<'a>,
    client: &'a Client,
    branch: &'a Branch,
    id: &'a RoleId,
}

impl<'a> Api<'a> {
    fn of(call: &'a Call<'a>, id: &'a RoleId) -> Result<Self, Diagnostics> {
        let client = call.target().neon().map_err(|error| call.failed(&error))?;
        let branch = id.server.branch().ok_or_else(|| call.failed(&Error::NotDirect))?;
        Ok(Self { call, client, branch, id })
    }

    fn name(&self) -> &str {
        self.id.name.as_str()
    }

    /// The API's error as the user reads it. A 404 may also mean that the branch is gone.
    async fn failed(&self, error: neon::Error) -> Diagnostics {
        self.call.failed(&self.absent(error).await)
    }

    async fn absent(&self, error: neon::Error) -> Error {
        self.call.target().absent_on(self.branch, error, &self.call.budget()).await
    }

    /// The password that Neon keeps. Errors: `PasswordsNotStored`; `NotFound` also for a role that may not log in.
    async fn reveal(&self) -> Result<Secret, neon::Error> {
        self.client.reveal_password(&self.branch.project, &self.branch.id, self.name(), &self.call.budget()).await
    }

    /// The password after a finished change, where the plan wants it: from the answer, otherwise revealed. That it cannot
    /// be read does not fail the change.
    async fn password(&self, plan: &Model, answered: Option<&Secret>) -> Option<Secret> {
        if !plan.store_password.is_true() || !plan.password.is_unknown() {
            return None;
        }
        if answered.is_some() {
            return answered.cloned();
        }
        match self.reveal().await {
            Ok(password) => Some(password),
            Err(error) => {
                self.call.cx().warn(messages::password_not_read(&self.id.name, &error));
                None
            }
        }
    }

    /// What is tied to the role in all databases. The shared catalogue names it from any database that can be entered; what
    /// another grantor granted is looked up in the database itself. `None` if the branch has no database.
    async fn ties(&self) -> Result<Option<Ties>, Error> {
        let databases = self.client.list_databases(&self.branch.project, &self.branch.id, &self.call.budget()).await;
        let databases = match databases {
            Ok(databases) => databases,
            Err(error) => return Err(self.absent(error).await),
        };
        let mut closed = None;
        for database in databases {
            let name = &self.id.name;
            let at = Database { server: self.id.server.clone(), name: target::database_name(&database.name)? };
            let dependants = match self.look(&at, |it| async move { role::dependants(&it, name).await }).await {
                Ok(dependants) => dependants,
                Err(error) => {
                    tracing::info!(%at, %error, "looking for what the role owns in the next database");
                    closed.get_or_insert(error);
                    continue;
                }
            };
            let mut foreign = BTreeSet::new();
            let held = dependants.iter().filter(|it| it.tie == Tie::Privilege);
            let places: BTreeSet<DatabaseName> =
                held.map(|it| it.database.clone().unwrap_or(at.name.clone())).collect();
            for place in places {
                let at = Database { name: place, ..at.clone() };
                match self.look(&at, |it| async move { role::foreign_grants(&it, name).await }).await {
                    Ok(found) => foreign.extend(found.into_iter().map(|grant| (at.name.clone(), grant))),
                    Err(error) => tracing::info!(%at, %error, "cannot see by whom the role's privileges were granted"),
                }
            }
            return Ok(Some(Ties { dependants, foreign }));
        }
        closed.map_or(Ok(None), Err)
    }

    async fn look<T, W, F>(&self, at: &Database, reads: W) -> Result<T, Error>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = postgres::Result<T>>,
    {
        let mut session = self.call.target().connect(at, &self.call.budget(), "looking for what a role owns").await?;
        Ok(session.read(reads).await?)
    }

    /// Leads the settings of the role to what the plan declares, as the role itself: from Postgres 16 on no other role that the
    /// provider can be may alter a role of the API (SQLSTATE 42501). `password` is one that the API has just answered with.
    async fn set_settings(
        &self,
        prior: Option<&Model>,
        plan: &Model,
        password: Option<&Secret>,
    ) -> Result<(), Diagnostics> {
        let (call, name, wanted) = (self.call, &self.id.name, &plan.declared_settings());
        let left = &prior.map(Model::names_of_settings).unwrap_or_default();
        if prior.map(Model::declared_settings).unwrap_or_default() == *wanted {
            return Ok(());
        }
        let failed = |error: Error| explain::target(call.doing(), &error).at(path!(settings));
        let (at, owner) = entered(call, None, self.id).await.map_err(failed)?;
        drop(owner); // its place among the connections, which may be the only one
        let session = call.target().connect_as_itself(&at, name, password, &call.budget(), call.doing()).await;
        let mut session = session.map_err(failed)?;
        let db = call.at(at);
        let done = db.transaction_on(&mut session, async |tx, _| {
            let Some(found) = role::read(&tx, name).await? else { return Err(messages::gone(self.id).into()) };
            tx.run(&role_settings::alter(name, &found.settings, wanted, left)).await?;
            let Some(found) = role::read(&tx, name).await? else { return Err(messages::gone(self.id).into()) };
            messages::not_stored(name, wanted, &found.settings).map_or(Ok(()), |refused| Err(refused.into()))
        });
        done.await.map_err(|stop| match stop {
            Stop::Server(error) if error.kind() == postgres::Kind::InsufficientPrivilege => {
                messages::may_not_set(call.doing(), &error).into()
            }
            other => other.explain(call, |_| path!(settings)),
        })
    }

    /// The settings of the role, where the state has some to compare.
    async fn with_settings(&self, state: &Model, found: Found) -> Result<Found, Diagnostics> {
        let declared = &state.declared_settings();
        if declared.is_empty() {
            return Ok(found);
        }
        let look = async {
            let (_, mut session) = entered(self.call, None, self.id).await?;
            Ok::<_, Error>(session.read(|it| async move { role::read(&it, &self.id.name).await }).await?)
        };
        let held = look.await.map_err(|error| self.call.failed(&error))?.map(|it| it.settings).unwrap_or_default();
        Ok(found.with_settings(declared, &held))
    }

    /// Whether the API knows the role.
    async fn is_there(&self) -> Result<bool, Diagnostics> {
        match self.client.get_role(&self.branch.project, &self.branch.id, self.name(), &self.call.budget()).await {
            Ok(_) => Ok(true),
            Err(error) => match self.absent(error).await {
                Error::Neon(error) if error.is_not_found() => Ok(false),
                other => Err(self.call.failed(&other)),
            },
        }
    }
}

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
pub(super) async fn entered(
    call: &Call<'_>,
    named: Option<&DatabaseName>,
    id: &RoleId,
) -> Result<(Database, Session), Error> {
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

/// What would be lost with a role, or prevents deleting it.
struct Ties {
    dependants: Vec<Dependants>,
    foreign: BTreeSet<(DatabaseName, ForeignGrant)>,
}

/// Whether a destroy leaves the role, with a warning: it was adopted, or another resource of the run has it.
pub(super) fn stays(call: &Call<'_>, state: &Model, id: &RoleId) -> bool {
    if state.adopted.is_true() {
        call.leaves(id);
        call.cx().warn(messages::kept_adopted(&id.name));
        return true;
    }
    if call.is_held_by_another(id) {
        call.cx().warn(messages::kept_for_another(&id.name));
        return true;
    }
    false
}

/// Creates the role, or adopts one. What was begun is in the state before its operations are awaited.
pub(super) async fn create(call: &Call<'_>, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let api = Api::of(call, id)?;
    call.insist_on_change(&api.branch.project).await?;
    let created = api.client.create_role(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await;
    let created = match created {
        Ok(created) => created,
        Err(error) => return Err(api.failed(error).await),
    };
    match created {
        RoleCreation::Existed(_) if !plan.adopt.is_true() => Err(messages::exists(id).into()),
        RoleCreation::Existed(role) if role.protected == Some(true) => Err(messages::is_neons_own(id).into()),
        RoleCreation::Existed(role) => {
            call.claim(id);
            call.cx().checkpoint(&plan.clone().observed(id.clone(), Found::of_api(true, None)));
            api.set_settings(None, plan, None).await?;
            Ok(Found::of_api(true, api.password(plan, role.password.as_ref()).await))
        }
        RoleCreation::Made(pending) => {
            call.claim(id);
            call.target().password_set(&id.server, &id.name);
            let begun = Found::of_api(false, pending.value().password.clone());
            call.cx().checkpoint(&plan.clone().observed(id.clone(), begun));
            let role = pending.wait(&call.budget()).await.map_err(|error| call.failed(&error.into()))?;
            call.target().password_set(&id.server, &id.name); // the proxy may have asked again in between
            api.set_settings(None, plan, role.password.as_ref()).await?;
            Ok(Found::of_api(false, api.password(plan, role.password.as_ref()).await))
        }
    }
}

/// The role, with its password where the state keeps it; `None` when it or its branch is gone.
pub(super) async fn read(call: &Call<'_>, state: &Model, id: &RoleId) -> Result<Option<Found>, Diagnostics> {
    let api = Api::of(call, id)?;
    let shared = api.client.shared();
    match shared.role(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        Err(error) => {
            let error = api.absent(error).await;
            return if error.is_gone() { Ok(None) } else { Err(call.failed(&error)) };
        }
    }
    let password = if state.store_password.is_true() {
        match api.reveal().await {
            Ok(password) => Some(password),
            // The project stores none, or the role may not log in: the role itself was read.
            Err(error) if matches!(error.kind(), Kind::PasswordsNotStored | Kind::NotFound) => None,
            Err(error) => return Err(call.failed(&error.into())),
        }
    } else {
        None
    };
    api.with_settings(state, Found::of_api(false, password)).await.map(Some)
}

/// Sets a new password if `rotate_when_changed` asks for one, and settings that differ; everything else is a matter of the state.
pub(super) async fn update(call: &Call<'_>, prior: &Model, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let api = Api::of(call, id)?;
    let stored = prior.password.known().map(|it| Secret::new(it.expose()));
    if !plan.rotates(prior) {
        api.set_settings(Some(prior), plan, stored.as_ref()).await?;
        return Ok(Found::of_api(false, api.password(plan, None).await));
    }
    call.insist_on_change(&api.branch.project).await?;
    let reset = api.client.reset_password(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await;
    let pending = match reset {
        Ok(pending) => pending,
        Err(error) => return Err(api.failed(error).await),
    };
    call.target().password_set(&id.server, &id.name);
    let begun = Found::of_api(false, pending.value().password.clone());
    call.cx().checkpoint(&plan.clone().observed(id.clone(), begun));
    let role = pending.wait(&call.budget()).await.map_err(|error| call.failed(&error.into()))?;
    call.target().password_set(&id.server, &id.name); // the proxy may have asked again in between
    call.cx().warn(messages::rotated(&id.name));
    api.set_settings(Some(prior), plan, role.password.as_ref()).await?;
    Ok(Found::of_api(false, api.password(plan, role.password.as_ref()).await))
}

/// Deletes the role, unless it was adopted, belongs to another resource, owns something, or holds what cannot be revoked.
pub(super) async fn delete(call: &Call<'_>, state: &Model, id: &RoleId) -> Result<(), Diagnostics> {
    if stays(call, state, id) {
        return Ok(());
    }
    let api = Api::of(call, id)?;
    let force = state.force_destroy.is_true();
    let ties = match api.ties().await {
        Ok(ties) => ties,
        Err(error) if error.is_gone() || matches!(error, Error::ProjectNotFound { .. }) => {
            return removed_with_its_container(call, &error).await;
        }
        Err(error) if force => {
            tracing::info!(role = %id.name, %error, "what the role owns is not known before it is deleted");
            None
        }
        Err(error) if api.is_there().await? => return Err(messages::cannot_look(call.doing(), &error).into()),
        Err(_) => None,
    };
    if let Some(ties) = &ties {
        messages::held_from_others(&id.name, &ties.foreign).map_or(Ok(()), Err)?;
        if !force {
            messages::owns(&id.name, &ties.dependants).map_or(Ok(()), Err)?;
        }
    }
    call.insist_on_change(&api.branch.project).await?;
    let turn = call.target().turn_to_delete(&id.server, &call.budget()).await.map_err(|error| call.failed(&error))?;
    let deleted = match api.client.delete_role(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await {
        Ok(Some(pending)) => pending.wait(&call.budget()).await.map_err(Error::from),
        Ok(None) => Ok(()),
        Err(error) => match api.absent(error).await {
            // The branch answers, so it is the role that is not there.
            Error::Neon(error) if error.is_not_found() => Ok(()),
            other => Err(other),
        },
    };
    drop(turn);
    match deleted {
        Ok(()) => {}
        Err(Error::Neon(error)) if matches!(error.kind(), Kind::Rejected | Kind::Conflict) => {
            return Err(messages::owns_database(call.doing(), &error).into());
        }
        Err(error) => removed_with_its_container(call, &error).await?,
    }
    call.release(id);
    if let Some(ties) = ties {
        for warning in messages::lost(&id.name, &ties.dependants) {
            call.cx().warn(warning);
        }
    }
    Ok(())
}
