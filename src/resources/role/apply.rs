//! Creates, rotates and deletes a role through the Neon API. Roles that are created with SQL are in `apply_sql.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use tfplugin::Diagnostics;

use super::messages;
use super::model::{Found, Model};
use crate::handler::{Call, removed_with_its_container};
use crate::neon::{self, Client, Kind, RoleCreation};
use crate::postgres::role::{self, Dependants, ForeignGrant, Tie};
use crate::postgres::{self, Connection, DatabaseName};
use crate::secret::Secret;
use crate::target::{self, Branch, Database, Error, RoleId};

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
            Ok(Found::of_api(true, api.password(plan, role.password.as_ref()).await))
        }
        RoleCreation::Made(pending) => {
            call.claim(id);
            call.target().password_set(&id.server, &id.name);
            let begun = Found::of_api(false, pending.value().password.clone());
            call.cx().checkpoint(&plan.clone().observed(id.clone(), begun));
            let role = pending.wait(&call.budget()).await.map_err(|error| call.failed(&error.into()))?;
            call.target().password_set(&id.server, &id.name); // the proxy may have asked again in between
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
    if !state.store_password.is_true() {
        return Ok(Some(Found::of_api(false, None)));
    }
    match api.reveal().await {
        Ok(password) => Ok(Some(Found::of_api(false, Some(password)))),
        // The project stores none, or the role may not log in: the role itself was read.
        Err(error) if matches!(error.kind(), Kind::PasswordsNotStored | Kind::NotFound) => {
            Ok(Some(Found::of_api(false, None)))
        }
        Err(error) => Err(call.failed(&error.into())),
    }
}

/// Sets a new password if `rotate_when_changed` asks for one; everything else is a matter of the state.
pub(super) async fn update(call: &Call<'_>, prior: &Model, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let api = Api::of(call, id)?;
    if !plan.rotates(prior) {
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
    let deleted = match api.client.delete_role(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await {
        Ok(Some(pending)) => pending.wait(&call.budget()).await.map_err(Error::from),
        Ok(None) => Ok(()),
        Err(error) => match api.absent(error).await {
            // The branch answers, so it is the role that is not there.
            Error::Neon(error) if error.is_not_found() => Ok(()),
            other => Err(other),
        },
    };
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
