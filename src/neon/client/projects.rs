//! Changes of a project's settings and of its computes.

use super::super::budget::Budget;
use super::super::change::Pending;
use super::super::endpoint::{self, Endpoint};
use super::super::error::Error;
use super::super::ids::{EndpointId, ProjectId};
use super::super::operation::{self, Effects, Operation, RESTARTS};
use super::super::project::{self, ENABLING, Project};
use super::Client;

impl Client {
    /// Enables logical replication. It cannot be disabled again, and computes restart. Read the project first and leave it alone
    /// if it is enabled: what the API answers to a second call is not documented.
    pub(crate) async fn enable_logical_replication(
        &self,
        project: &ProjectId,
        budget: &Budget,
    ) -> Result<Pending<Project>, Error> {
        let turn = self.changes.turns.take(project, budget).await?;
        let enabled =
            |read: Result<Project, Error>| read.map(|project| Some(project).filter(Project::logical_replication));
        let effects = self.of_project(ENABLING);
        let request = project::enable_logical_replication(project);
        self.changes.send(turn, &request, &project::get(project), enabled, &effects, budget).await
    }

    /// Restarts a compute. All its connections drop.
    pub(crate) async fn restart_endpoint(
        &self,
        project: &ProjectId,
        endpoint: &EndpointId,
        budget: &Budget,
    ) -> Result<Pending<Endpoint>, Error> {
        let turn = self.changes.turns.take(project, budget).await?;
        let before = self.transport().send(&endpoint::get(project, endpoint), budget).await?;
        let since = self.transport().api_time();
        let effects = Effects { since, branch: None, endpoint: Some(endpoint), actions: RESTARTS };
        // A restart leaves no mark except its operations. Without any after a lost answer it is asked for again.
        let took_effect = |read: Result<Vec<Operation>, Error>| {
            read.map(|operations| operations.iter().any(|operation| effects.include(operation)).then(|| before.clone()))
        };
        let request = endpoint::restart(project, endpoint);
        self.changes.send(turn, &request, &operation::list(project), took_effect, &effects, budget).await
    }

    fn of_project(&self, actions: &'static [&'static str]) -> Effects<'static> {
        Effects { since: self.transport().api_time(), branch: None, endpoint: None, actions }
    }
}
