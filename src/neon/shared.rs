//! The client as reads and plan checks use it: an answer may be as old as this process, and is younger than its last change of
//! the project.

use std::sync::Arc;

use super::branch::Branch;
use super::budget::Budget;
use super::client::Client;
use super::connection_uri::ConnectionUri;
use super::database::ApiDatabase;
use super::error::Error;
use super::ids::{BranchId, ProjectId};
use super::project::Project;
use super::role::ApiRole;

/// Answers that may be shared. Create, update and delete call the client itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a>(&'a Client);

impl Client {
    /// Answers that may be shared.
    pub(crate) fn shared(&self) -> Shared<'_> {
        Shared(self)
    }
}

impl Shared<'_> {
    pub(crate) async fn project(&self, project: &ProjectId, budget: &Budget) -> Result<Arc<Project>, Error> {
        let load = || async { self.0.get_project(project, budget).await.map(Arc::new) };
        self.0.cache().projects.get(self.0.now(project), (), budget, load).await
    }

    /// The project's default branch.
    pub(crate) async fn default_branch(&self, project: &ProjectId, budget: &Budget) -> Result<Arc<Branch>, Error> {
        let load = || async { self.0.default_branch(project, budget).await.map(Arc::new) };
        self.0.cache().default_branches.get(self.0.now(project), (), budget, load).await
    }

    pub(crate) async fn branch(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Arc<Branch>, Error> {
        let load = || async { self.0.get_branch(project, branch, budget).await.map(Arc::new) };
        self.0.cache().branches.get(self.0.now(project), branch.clone(), budget, load).await
    }

    /// All roles of a branch by name, Neon's own included.
    pub(crate) async fn roles(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Arc<Vec<ApiRole>>, Error> {
        let load = || async { self.0.list_roles(project, branch, budget).await.map(Arc::new) };
        self.0.cache().roles.get(self.0.now(project), branch.clone(), budget, load).await
    }

    /// A role, from one list of all roles of the branch. `None` means gone, because the branch was read.
    pub(crate) async fn role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Option<ApiRole>, Error> {
        let roles = self.roles(project, branch, budget).await?;
        Ok(roles.iter().find(|role| role.name == name).cloned())
    }

    pub(crate) async fn database(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Arc<ApiDatabase>, Error> {
        let load = || async { self.0.get_database(project, branch, name, budget).await.map(Arc::new) };
        let key = (branch.clone(), name.to_owned());
        self.0.cache().databases.get(self.0.now(project), key, budget, load).await
    }

    /// All databases of a branch, oldest first.
    pub(crate) async fn all_databases(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Arc<Vec<ApiDatabase>>, Error> {
        let load = || async { self.0.list_databases(project, branch, budget).await.map(Arc::new) };
        self.0.cache().database_lists.get(self.0.now(project), branch.clone(), budget, load).await
    }

    /// Host, port and password of a role for a database.
    pub(crate) async fn connection_uri(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        database: &str,
        role: &str,
        budget: &Budget,
    ) -> Result<Arc<ConnectionUri>, Error> {
        let load = || async { self.0.connection_uri(project, branch, database, role, budget).await.map(Arc::new) };
        let key = (branch.clone(), database.to_owned(), role.to_owned());
        self.0.cache().uris.get(self.0.now(project), key, budget, load).await
    }
}
