//! Creates, rotates and deletes a role through the Neon API.

use tfplugin::Diagnostics;

use super::messages;
use super::model::{Found, Model};
use crate::handler::{Call, removed_with_its_container};
use crate::neon::{self, Client, Kind, RoleCreation};
use crate::postgres::role::{self, Dependants};
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

    /// What is tied to the role in all databases, seen from the first one of the branch.
    async fn dependants(&self) -> Result<Vec<Dependants>, Error> {
        let budget = self.call.budget();
        let databases = self.client.list_databases(&self.branch.project, &self.branch.id, &budget).await?;
        let Some(first) = databases.into_iter().next() else { return Ok(Vec::new()) };
        let at = Database { server: self.id.server.clone(), name: target::database_name(&first.name)? };
        let mut session = self.call.target().connect(&at, &budget, "looking for what a role owns").await?;
        let name = &self.id.name;
        Ok(session.read(|it| async move { role::dependants(&it, name).await }).await?)
    }
}

/// Creates the role, or adopts one. What was begun is in the state before its operations are awaited.
pub(super) async fn create(call: &Call<'_>, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let api = Api::of(call, id)?;
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
            Ok(Found { adopted: true, password: api.password(plan, role.password.as_ref()).await })
        }
        RoleCreation::Made(pending) => {
            call.claim(id);
            let begun = Found { adopted: false, password: pending.value().password.clone() };
            call.cx().checkpoint(&plan.clone().observed(id.clone(), begun));
            let role = pending.wait(&call.budget()).await.map_err(|error| call.failed(&error.into()))?;
            Ok(Found { adopted: false, password: api.password(plan, role.password.as_ref()).await })
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
        return Ok(Some(Found { adopted: false, password: None }));
    }
    match api.reveal().await {
        Ok(password) => Ok(Some(Found { adopted: false, password: Some(password) })),
        // The project stores none, or the role may not log in: the role itself was read.
        Err(error) if matches!(error.kind(), Kind::PasswordsNotStored | Kind::NotFound) => {
            Ok(Some(Found { adopted: false, password: None }))
        }
        Err(error) => Err(call.failed(&error.into())),
    }
}

/// Sets a new password if `rotate_when_changed` asks for one; everything else is a matter of the state.
pub(super) async fn update(call: &Call<'_>, prior: &Model, plan: &Model, id: &RoleId) -> Result<Found, Diagnostics> {
    let api = Api::of(call, id)?;
    if !plan.rotates(prior) {
        return Ok(Found { adopted: false, password: api.password(plan, None).await });
    }
    let reset = api.client.reset_password(&api.branch.project, &api.branch.id, api.name(), &call.budget()).await;
    let pending = match reset {
        Ok(pending) => pending,
        Err(error) => return Err(api.failed(error).await),
    };
    let begun = Found { adopted: false, password: pending.value().password.clone() };
    call.cx().checkpoint(&plan.clone().observed(id.clone(), begun));
    let role = pending.wait(&call.budget()).await.map_err(|error| call.failed(&error.into()))?;
    call.cx().warn(messages::rotated(&id.name));
    Ok(Found { adopted: false, password: api.password(plan, role.password.as_ref()).await })
}

/// Deletes the role, unless it was adopted, belongs to another resource, or owns something.
pub(super) async fn delete(call: &Call<'_>, state: &Model, id: &RoleId) -> Result<(), Diagnostics> {
    if state.adopted.is_true() {
        call.cx().warn(messages::kept_adopted(&id.name));
        return Ok(());
    }
    if call.is_held_by_another(id) {
        call.cx().warn(messages::kept_for_another(&id.name));
        return Ok(());
    }
    let api = Api::of(call, id)?;
    match api.dependants().await {
        Ok(found) => {
            if !state.force_destroy.is_true() {
                messages::owns(&id.name, &found).map_or(Ok(()), Err)?;
            }
            messages::loses(&id.name, &found).into_iter().for_each(|it| call.cx().warn(it));
        }
        // No way in: the API decides.
        Err(error) => tracing::info!(role = %id.name, %error, "cannot see what the role owns before it is deleted"),
    }
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
    Ok(())
}
