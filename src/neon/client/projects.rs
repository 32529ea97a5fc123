//! Changes of a project's settings and of its computes.

use super::super::allowed_ips::AllowedIps;
use super::super::budget::{Budget, after};
use super::super::change::{Pending, SENDS};
use super::super::endpoint::{self, Endpoint};
use super::super::error::{Error, Kind};
use super::super::ids::{EndpointId, ProjectId};
use super::super::operation::{self, Effects, Operation, RESTARTS};
use super::super::project::{self, ALLOWING, ENABLING, Project};
use super::super::retry::{self, Retry};
use super::Client;

/// A change of the addresses that may connect.
#[derive(Debug)]
pub(crate) struct AllowedIpsChange {
    /// The list before the first attempt.
    pub(crate) before: AllowedIps,
    /// `None` if the list was as it should be.
    pub(crate) pending: Option<Pending<Project>>,
}

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

    /// Replaces the list of addresses that may connect by what `change` makes of the list as it is now. Both happen in one turn of
    /// the project, and whatever keeps the API from accepting the list, the list is read again before another one is sent: nothing
    /// that others added meanwhile is lost. `change` applied to its own result must change nothing. What it refuses is `Ok(Err(…))`.
    pub(crate) async fn change_allowed_ips<R>(
        &self,
        project: &ProjectId,
        change: impl Fn(&AllowedIps) -> Result<AllowedIps, R> + Send + Sync,
        budget: &Budget,
    ) -> Result<Result<AllowedIpsChange, R>, Error> {
        let mut first = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let turn = self.changes.turns.take(project, budget).await?;
            let found = self.transport().send(&project::get(project), budget).await?.allowed_ips();
            let before = first.get_or_insert_with(|| found.clone()).clone();
            let wanted = match change(&found) {
                Ok(wanted) => wanted,
                Err(refused) => return Ok(Err(refused)),
            };
            if wanted == found {
                return Ok(Ok(AllowedIpsChange { before, pending: None }));
            }
            let took_effect = |read: Result<Project, Error>| {
                read.map(|project| {
                    let now = project.allowed_ips();
                    Some(project).filter(|_| change(&now).is_ok_and(|wanted| wanted == now))
                })
            };
            let effects = self.of_project(ALLOWING);
            let request = project::allow_ips(project, &wanted);
            let sent = self.changes.send(turn, &request, &project::get(project), took_effect, &effects, budget).await;
            let error = match sent {
                Ok(pending) => {
                    return Ok(Ok(AllowedIpsChange { before, pending: Some(pending) }));
                }
                Err(error) => error,
            };
            let passes = match retry::retry(request.method, &error) {
                Retry::Never => error.kind() == Kind::AnswerLost && tries < SENDS,
                Retry::WhilePatient | Retry::UntilDeadline => true,
            };
            let wait = retry::delay(tries, error.retry_after(), retry::jitter());
            if !passes || after(wait) >= budget.deadline() || budget.sleep(wait).await.is_err() {
                return Err(error);
            }
        }
    }

    fn of_project(&self, actions: &'static [&'static str]) -> Effects<'static> {
        Effects { since: self.transport().api_time(), branch: None, endpoint: None, actions }
    }
}
