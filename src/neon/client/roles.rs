//! Changes of roles: whose a role is that was created, deleted only if a read says so, and passwords.

use super::super::budget::Budget;
use super::super::change::Pending;
use super::super::error::{Error, Kind, found};
use super::super::ids::{BranchId, ProjectId};
use super::super::operation::{CONFIGURES, Effects};
use super::super::role::{self, ApiRole};
use super::Client;

/// The result of creating a role.
#[derive(Debug)]
pub(crate) enum RoleCreation {
    /// The role is new and ours. Its password works when the operations have ended.
    Made(Pending<ApiRole>),
    /// A role of that name existed before. Nothing was changed.
    Existed(ApiRole),
}

impl Client {
    /// Creates a role, and knows whose it is: the API is asked for it first, so that one found after a lost answer, or a 409 to
    /// our own retry, is ours. Its password is then unknown and can be revealed.
    pub(crate) async fn create_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<RoleCreation, Error> {
        let (create, get) = (role::create(project, branch, name)?, role::get(project, branch, name)?);
        let turn = self.changes.turns.take(project, budget).await?;
        if let Some(role) = found(self.transport().send(&get, budget).await)? {
            return Ok(RoleCreation::Existed(role));
        }
        match self.changes.send(turn, &create, &get, found, &self.of_role(branch), budget).await {
            Ok(pending) => Ok(RoleCreation::Made(self.learned(pending))),
            // Someone else was quicker. No attempt of ours can have created it, or the read would have told.
            Err(conflict) if conflict.kind() == Kind::Conflict => {
                match found(self.transport().send(&get, budget).await)? {
                    Some(role) => Ok(RoleCreation::Existed(role)),
                    None => Err(conflict),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes a role. `None` if it was gone already. Neon gives what it owns to the owner of the database.
    ///
    /// Errors: `NotFound` if the project or the branch is absent, `Rejected` or `Conflict` for a refusal, for example of a role that
    /// owns a database.
    pub(crate) async fn delete_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Option<Pending<()>>, Error> {
        let (delete, get) = (role::delete(project, branch, name)?, role::get(project, branch, name)?);
        let turn = self.changes.turns.take(project, budget).await?;
        let gone = |read: Result<ApiRole, Error>| Ok(if found(read)?.is_none() { Some(()) } else { None });
        match self.changes.send(turn, &delete, &get, gone, &self.of_role(branch), budget).await {
            Ok(pending) => Ok(Some(pending)),
            // No refusal means "gone" unless a read says so.
            Err(refused) if matches!(refused.kind(), Kind::Rejected | Kind::Conflict) => {
                match found(self.transport().send(&get, &budget.for_settling()).await) {
                    Ok(None) => Ok(None),
                    Ok(Some(_)) | Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the role a new password. Its connections drop. After a lost answer it is reset again, because the new password is
    /// unknown.
    pub(crate) async fn reset_password(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Pending<ApiRole>, Error> {
        let (reset, get) = (role::reset_password(project, branch, name)?, role::get(project, branch, name)?);
        let turn = self.changes.turns.take(project, budget).await?;
        let unknown = |read: Result<ApiRole, Error>| read.map(|_| None);
        let pending = self.changes.send(turn, &reset, &get, unknown, &self.of_role(branch), budget).await?;
        Ok(self.learned(pending))
    }

    fn of_role<'a>(&self, branch: &'a BranchId) -> Effects<'a> {
        Effects { since: self.transport().api_time(), branch: Some(branch), endpoint: None, actions: CONFIGURES }
    }

    /// A new password is in the answer, and perhaps in the text of an operation that fails.
    fn learned(&self, pending: Pending<ApiRole>) -> Pending<ApiRole> {
        if let Some(password) = &pending.value().password {
            self.transport().learn(password);
        }
        pending
    }
}
