//! Operations: the control plane's work that goes on after the answer. They form chains, move from `scheduling` over
//! `running` to an end, and have their effect just before they finish.

mod effect;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::faults::Fate;
use crate::names;
use crate::world::{Branch, Endpoint, EndpointKind, EndpointState, Project};
use effect::Target;
pub(crate) use effect::{Effect, Origin};

/// `Operation.status` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Waits for its turn.
    Scheduling,
    /// Is being done.
    Running,
    /// Done.
    Finished,
    /// Failed; the control plane may try again.
    Failed,
    /// Failed for good.
    Error,
    /// Given up.
    Cancelled,
    /// Not needed.
    Skipped,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::Scheduling => "scheduling",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Its UUID.
    pub(crate) id: String,
    action: &'static str,
    status: Status,
    error: Option<String>,
    failures: u32,
    polls: u32,
    project: String,
    branch: String,
    endpoint: Option<String>,
    created_at: String,
    updated_at: String,
    retry_at: Option<String>,
    begun: Instant,
    took: Option<Duration>,
}

impl Operation {
    fn new(link: &Link, project: &str) -> Self {
        let now = names::now();
        Self {
            id: names::uuid(),
            action: link.action,
            status: Status::Scheduling,
            error: None,
            failures: 0,
            polls: 0,
            project: project.to_owned(),
            branch: link.branch.clone(),
            endpoint: link.endpoint.clone().filter(|_| !matches!(link.action, "create_timeline" | "create_branch")),
            created_at: now.clone(),
            updated_at: now,
            retry_at: None,
            begun: Instant::now(),
            took: None,
        }
    }

    fn turn(&mut self, status: Status) {
        self.status = status;
        self.updated_at = names::now();
        if !matches!(status, Status::Scheduling | Status::Running) {
            self.took = Some(self.begun.elapsed());
        }
    }

    /// The object as the API shows it.
    pub(crate) fn shown(&self) -> Value {
        let took = self.took.unwrap_or_else(|| self.begun.elapsed());
        let mut shown = json!({
            "id": self.id,
            "project_id": self.project,
            "branch_id": self.branch,
            "action": self.action,
            "status": self.status.text(),
            "failures_count": self.failures,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "total_duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(endpoint) = &self.endpoint {
            shown["endpoint_id"] = json!(endpoint);
        }
        if let Some(error) = &self.error {
            shown["error"] = json!(error);
        }
        if let Some(retry_at) = &self.retry_at {
            shown["retry_at"] = json!(retry_at);
        }
        shown
    }
}

/// One link of a chain: `Operation.action`, what it does, and the endpoint that it is about.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    action: &'static str,
    effect: Effect,
    branch: String,
    endpoint: Option<String>,
    compute: String,
}

impl Link {
    /// A link about a branch itself.
    pub(crate) fn of_branch(action: &'static str, effect: Effect, branch: &Branch) -> Self {
        let endpoint = branch.read_write().map(|endpoint| endpoint.id.clone());
        Self { action, effect, branch: branch.id.clone(), endpoint, compute: branch.id.clone() }
    }

    /// A link about an endpoint.
    pub(crate) fn of_endpoint(action: &'static str, effect: Effect, branch: &Branch, endpoint: &Endpoint) -> Self {
        let compute = if endpoint.kind == EndpointKind::ReadOnly { &endpoint.id } else { &branch.id };
        Self {
            action,
            effect,
            branch: branch.id.clone(),
            endpoint: Some(endpoint.id.clone()),
            compute: compute.clone(),
        }
    }

    /// The compute that it is about.
    pub(crate) fn compute(&self) -> &str {
        &self.compute
    }

    /// What the endpoint is on its way to.
    pub(crate) fn pending(&self) -> Option<(&str, EndpointState)> {
        let state = match self.effect {
            Effect::Suspend => EndpointState::Idle,
            Effect::Start => EndpointState::Active,
            _ => return None,
        };
        Some((self.endpoint.as_deref()?, state))
    }
}

/// Adds a chain to the project and starts it; answers its operations as the API shows them.
pub(crate) fn schedule(app: &Arc<App>, project: &mut Project, chain: Vec<Link>, fate: Fate) -> Vec<Value> {
    if chain.is_empty() {
        return Vec::new();
    }
    let mut links = Vec::new();
    let mut shown = Vec::new();
    for link in chain {
        let operation = Operation::new(&link, &project.id);
        shown.push(operation.shown());
        let target = Target { project: project.id.clone(), branch: link.branch, compute: link.compute };
        links.push(Step { id: operation.id.clone(), target, effect: link.effect });
        project.operations.push(operation);
    }
    project.chains += 1;
    tokio::spawn(run(Arc::clone(app), project.id.clone(), links, fate));
    shown
}

/// The chain for a change that the branch's compute must take up: an idle compute wakes for it and sleeps again.
pub(crate) fn reconfiguration(branch: &Branch, effect: Effect) -> Vec<Link> {
    let mut chain = vec![Link::of_branch("apply_config", effect, branch)];
    if let Some(endpoint) = branch.read_write().filter(|endpoint| endpoint.state == EndpointState::Idle) {
        chain.push(Link::of_endpoint("suspend_compute", Effect::Suspend, branch, endpoint));
    }
    chain
}

/// One operation on its way.
struct Step {
    id: String,
    target: Target,
    effect: Effect,
}

async fn run(app: Arc<App>, project: String, steps: Vec<Step>, fate: Fate) {
    let mut ended = false;
    for (index, step) in steps.iter().enumerate() {
        let id = &step.id;
        if ended {
            update(&app, id, |operation| operation.turn(Status::Cancelled));
            continue;
        }
        let fate = if index == 0 { fate } else { Fate::Finished };
        pass_time(&app, id, Stage::Scheduled).await;
        update(&app, id, |operation| operation.turn(Status::Running));
        pass_time(&app, id, Stage::Running).await;
        ended = end(&app, step, fate).await;
    }
    if let Some(project) = app.world().project_mut(&project) {
        project.chains -= 1;
    }
}

/// Ends one operation; true when the rest of the chain is given up.
async fn end(app: &Arc<App>, step: &Step, fate: Fate) -> bool {
    let id = step.id.as_str();
    let give_up = || effect::give_up(app, &step.target, &step.effect);
    let fail = |status: Status| {
        update(app, id, |operation| {
            operation.failures += 1;
            operation.error = Some("failed on request of the test".to_owned());
            operation.turn(status);
        });
    };
    match fate {
        Fate::Finished => {}
        Fate::Skipped => {
            give_up();
            update(app, id, |operation| operation.turn(Status::Skipped));
            return false;
        }
        Fate::Failed => {
            give_up();
            fail(Status::Failed);
            return true;
        }
        Fate::Error => {
            give_up();
            fail(Status::Error);
            return true;
        }
        Fate::Cancelled => {
            give_up();
            update(app, id, |operation| operation.turn(Status::Cancelled));
            return true;
        }
        Fate::FailedThenFinished => {
            fail(Status::Failed);
            pass_time(app, id, Stage::Again).await;
            update(app, id, |operation| {
                operation.retry_at = Some(names::now());
                operation.turn(Status::Running);
            });
            pass_time(app, id, Stage::Running).await;
        }
    }
    let done = effect::apply(app, &step.target, &step.effect).await;
    match done {
        Ok(()) => {
            update(app, id, |operation| {
                operation.error = None;
                operation.turn(Status::Finished);
            });
            false
        }
        Err(error) => {
            tracing::warn!("an operation failed: {error:#}");
            give_up();
            update(app, id, |operation| {
                operation.failures += 1;
                operation.error = Some(format!("{error:#}"));
                operation.turn(Status::Failed);
            });
            true
        }
    }
}

fn update(app: &Arc<App>, id: &str, change: impl FnOnce(&mut Operation)) {
    let mut world = app.world();
    let mut all = world.projects.iter_mut().flat_map(|project| &mut project.operations);
    if let Some(operation) = all.find(|operation| operation.id == id) {
        change(operation);
    }
}

/// The stages at which an operation waits; a poll counts towards the second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Scheduled,
    Running,
    Again,
}

/// Half of `operation_ms` per stage, or as many polls as `operation_polls` asks for.
async fn pass_time(app: &Arc<App>, id: &str, stage: Stage) {
    let seen_before = polls(app, id);
    loop {
        let (half, wanted) = {
            let world = app.world();
            (Duration::from_millis(world.knobs.operation_ms / 2), world.knobs.operation_polls)
        };
        let Some(wanted) = wanted else {
            tokio::time::sleep(half).await;
            return;
        };
        let seen = polls(app, id);
        let enough = match stage {
            Stage::Scheduled => true,
            Stage::Running => seen >= wanted,
            Stage::Again => seen > seen_before,
        };
        if enough {
            return;
        }
        // A poll or a turned knob ends the wait at once; the time is only a net below that.
        let _ = timeout(Duration::from_millis(50), app.polled.notified()).await;
    }
}

fn polls(app: &Arc<App>, id: &str) -> u32 {
    let world = app.world();
    let found = world.projects.iter().flat_map(|project| &project.operations).find(|operation| operation.id == id);
    found.map_or(u32::MAX, |operation| operation.polls)
}

/// Counts a look at the operations whose id `seen` accepts.
pub(crate) fn count_poll(app: &App, project: &mut Project, seen: impl Fn(&str) -> bool) {
    for operation in &mut project.operations {
        if seen(&operation.id) {
            operation.polls = operation.polls.saturating_add(1);
        }
    }
    app.polled.notify_waiters();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_the_fields_that_the_api_requires() {
        let link = Link::of_branch("apply_config", Effect::Nothing, &Branch::new("main"));
        let shown = Operation::new(&link, "p").shown();
        for field in
            ["id", "project_id", "action", "status", "failures_count", "created_at", "updated_at", "total_duration_ms"]
        {
            assert!(!shown[field].is_null(), "{field} is missing in {shown}");
        }
        assert_eq!(shown["status"], "scheduling");
    }

    #[test]
    fn only_an_idle_compute_sleeps_again() {
        let mut branch = Branch::new("main");
        branch.endpoints.push(Endpoint::new(EndpointKind::ReadWrite));
        let actions = |branch: &Branch| {
            let chain = reconfiguration(branch, Effect::Nothing);
            chain.iter().map(|link| link.action).collect::<Vec<_>>()
        };
        branch.endpoints[0].state = EndpointState::Active;
        assert_eq!(actions(&branch), ["apply_config"]);
        branch.endpoints[0].state = EndpointState::Idle;
        assert_eq!(actions(&branch), ["apply_config", "suspend_compute"]);
    }
}
