//! Calls that change nothing.

use super::super::auth::{self, Auth};
use super::super::branch::{self, Branch};
use super::super::budget::Budget;
use super::super::connection_uri::{self, ConnectionUri};
use super::super::database::{self, ApiDatabase};
use super::super::endpoint::{self, Endpoint};
use super::super::error::{Error, Kind};
use super::super::ids::{BranchId, ProjectId};
use super::super::paging::each_page;
use super::super::project::{self, Project};
use super::super::role::{self, ApiRole};
use super::Client;
use crate::secret::Secret;

impl Client {
    /// `Unauthorized` if the key does not work.
    pub(crate) async fn get_auth(&self, budget: &Budget) -> Result<Auth, Error> {
        self.transport().send(&auth::get(), budget).await
    }

    /// Reads the project. `NotFound` may also mean that the key may not see it.
    pub(crate) async fn get_project(&self, project: &ProjectId, budget: &Budget) -> Result<Project, Error> {
        self.transport().send(&project::get(project), budget).await
    }

    /// Reads a branch. `NotFound` means that it is gone only if the project itself answers.
    pub(crate) async fn get_branch(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Branch, Error> {
        self.transport().send(&branch::get(project, branch), budget).await
    }

    /// The branch that calls without a branch mean. Every project has one.
    pub(crate) async fn default_branch(&self, project: &ProjectId, budget: &Budget) -> Result<Branch, Error> {
        self.find_branch(project, Branch::is_default, budget).await?.ok_or_else(|| {
            Error::new(Kind::NotJson, format!("none of the branches of project `{project}` is its default"))
        })
    }

    /// The first branch of the list that is wanted.
    pub(crate) async fn find_branch(
        &self,
        project: &ProjectId,
        is_wanted: impl Fn(&Branch) -> bool + Send + Sync,
        budget: &Budget,
    ) -> Result<Option<Branch>, Error> {
        let mut found = None;
        let page = |cursor: Option<&str>| branch::list(project, cursor);
        each_page(self.transport(), budget, page, |branches| {
            found = branches.into_iter().find(&is_wanted);
            found.is_some()
        })
        .await?;
        Ok(found)
    }

    /// All endpoints of a branch.
    pub(crate) async fn list_endpoints(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<Endpoint>, Error> {
        self.transport().send(&endpoint::list(project, branch), budget).await
    }

    /// The read-write endpoint of a branch, if it has one.
    pub(crate) async fn read_write_endpoint(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Option<Endpoint>, Error> {
        let endpoints = self.list_endpoints(project, branch, budget).await?;
        Ok(endpoints.into_iter().find(Endpoint::is_read_write))
    }

    /// All databases of a branch, oldest first.
    pub(crate) async fn list_databases(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<ApiDatabase>, Error> {
        self.transport().send(&database::list(project, branch), budget).await
    }

    /// Reads a database. `NotFound` means that it is gone only if the branch itself answers.
    pub(crate) async fn get_database(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<ApiDatabase, Error> {
        self.transport().send(&database::get(project, branch, name)?, budget).await
    }

    /// All roles of a branch by name, Neon's own included.
    pub(crate) async fn list_roles(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Vec<ApiRole>, Error> {
        self.transport().send(&role::list(project, branch), budget).await
    }

    /// Reads a role without its password. `NotFound` means that it is gone only if the branch itself answers.
    pub(crate) async fn get_role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<ApiRole, Error> {
        self.transport().send(&role::get(project, branch, name)?, budget).await
    }

    /// The password that Neon stores. `PasswordsNotStored` if the project stores none.
    pub(crate) async fn reveal_password(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Secret, Error> {
        let password = self.transport().send(&role::reveal_password(project, branch, name)?, budget).await?;
        self.transport().learn(&password);
        Ok(password)
    }

    /// Host, port and password of a role for a database, on the branch's read-write endpoint.
    pub(crate) async fn connection_uri(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        database: &str,
        role: &str,
        budget: &Budget,
    ) -> Result<ConnectionUri, Error> {
        let uri = self.transport().send(&connection_uri::get(project, branch, database, role)?, budget).await?;
        if let Some(password) = &uri.password {
            self.transport().learn(password);
        }
        Ok(uri)
    }
}
