//! Operations: the control plane's work that goes on after the answer. They form chains, move from `scheduling` over
//! `running` to an end, and have their effect just before they finish.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::faults::Fate;
use crate::names;
use crate::postgres::admin;
use crate::postgres::roles;
use crate::world::{EndpointState, World};

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
    with_endpoint: bool,
    created_at: String,
    updated_at: String,
    retry_at: Option<String>,
    begun: Instant,
    took: Option<Duration>,
}

impl Operation {
    fn new(action: &'static str) -> Self {
        let now = names::now();
        Self {
            id: names::uuid(),
            action,
            status: Status::Scheduling,
            error: None,
            failures: 0,
            polls: 0,
            with_endpoint: !matches!(action, "create_timeline"),
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
    pub(crate) fn shown(&self, world: &World) -> Value {
        let took = self.took.unwrap_or_else(|| self.begun.elapsed());
        let mut shown = json!({
            "id": self.id,
            "project_id": world.project_id,
            "branch_id": world.branch_id,
            "action": self.action,
            "status": self.status.text(),
            "failures_count": self.failures,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "total_duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        if self.with_endpoint {
            shown["endpoint_id"] = json!(world.endpoint.id);
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

/// What an operation does to the server.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Makes the role, or gives it a new password.
    ApplyRole {
        /// Its name.
        name: String,
        /// Its password; null: it may not log in.
        password: Option<String>,
    },
    /// Removes the role.
    DeleteRole(String),
    /// Makes the database.
    CreateDatabase {
        /// Its name.
        name: String,
        /// Its owner.
        owner: String,
    },
    /// Removes the database.
    DropDatabase(String),
    /// Stops the server.
    Suspend,
    /// Starts the server with the project's `wal_level`.
    Start,
    /// Nothing that the server sees.
    Nothing,
}

/// One link of a chain: `Operation.action` and what it does.
pub(crate) type Link = (&'static str, Effect);

/// Adds a chain to the world and starts it; answers its operations as the API shows them.
pub(crate) fn schedule(app: &Arc<App>, world: &mut World, chain: Vec<Link>, fate: Fate) -> Vec<Value> {
    if chain.is_empty() {
        return Vec::new();
    }
    let mut links = Vec::new();
    let mut shown = Vec::new();
    for (action, effect) in chain {
        let operation = Operation::new(action);
        shown.push(operation.shown(world));
        links.push((operation.id.clone(), effect));
        world.operations.push(operation);
    }
    world.chains += 1;
    tokio::spawn(run(Arc::clone(app), links, fate));
    shown
}

/// The chain for a change that the compute must take up: an idle compute wakes for it and sleeps again.
pub(crate) fn reconfiguration(world: &World, effect: Effect) -> Vec<Link> {
    let mut chain = vec![("apply_config", effect)];
    if world.endpoint.state == EndpointState::Idle {
        chain.push(("suspend_compute", Effect::Suspend));
    }
    chain
}

async fn run(app: Arc<App>, links: Vec<(String, Effect)>, fate: Fate) {
    let mut ended = false;
    for (index, (id, effect)) in links.iter().enumerate() {
        if ended {
            update(&app, id, |operation| operation.turn(Status::Cancelled));
            continue;
        }
        let fate = if index == 0 { fate } else { Fate::Finished };
        pass_time(&app, id, Stage::Scheduled).await;
        update(&app, id, |operation| operation.turn(Status::Running));
        pass_time(&app, id, Stage::Running).await;
        ended = end(&app, id, effect, fate).await;
    }
    app.world().chains -= 1;
}

/// Ends one operation; true when the rest of the chain is given up.
async fn end(app: &Arc<App>, id: &str, effect: &Effect, fate: Fate) -> bool {
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
            update(app, id, |operation| operation.turn(Status::Skipped));
            return false;
        }
        Fate::Failed => {
            fail(Status::Failed);
            return true;
        }
        Fate::Error => {
            fail(Status::Error);
            return true;
        }
        Fate::Cancelled => {
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
    let done = apply(app, effect).await;
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
    if let Some(operation) = world.operations.iter_mut().find(|operation| operation.id == id) {
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
    let found = world.operations.iter().find(|operation| operation.id == id);
    found.map_or(u32::MAX, |operation| operation.polls)
}

/// Counts a look at the operations whose id `seen` accepts.
pub(crate) fn count_poll(app: &App, world: &mut World, seen: impl Fn(&str) -> bool) {
    for operation in &mut world.operations {
        if seen(&operation.id) {
            operation.polls = operation.polls.saturating_add(1);
        }
    }
    app.polled.notify_waiters();
}

async fn apply(app: &Arc<App>, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Nothing => Ok(()),
        Effect::Suspend => app.suspend().await,
        Effect::Start => app.wake().await,
        Effect::ApplyRole { name, password } => {
            app.wake().await?;
            let client = app.superuser().await?;
            roles::create(&client, name, password.as_deref()).await?;
            if let Some(role) = app.world().roles.get_mut(name) {
                role.applied = true;
            }
            drop_connections(app).await
        }
        Effect::DeleteRole(name) => {
            app.wake().await?;
            roles::delete(app.access(), name).await?;
            drop_connections(app).await
        }
        Effect::CreateDatabase { name, owner } => {
            app.wake().await?;
            admin::create_database(app.access(), name, owner).await
        }
        Effect::DropDatabase(name) => {
            app.wake().await?;
            admin::drop_database(app.access(), name).await
        }
    }
}

/// A new configuration of the compute sends connections away.
async fn drop_connections(app: &Arc<App>) -> Result<()> {
    let whom = app.world().knobs.dropped_connections;
    let client = app.superuser().await?;
    let dropped = admin::terminate(&client, whom).await?;
    tracing::debug!("{dropped} connections dropped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_the_fields_that_the_api_requires() {
        let world = World::new(17, false);
        let shown = Operation::new("apply_config").shown(&world);
        for field in
            ["id", "project_id", "action", "status", "failures_count", "created_at", "updated_at", "total_duration_ms"]
        {
            assert!(!shown[field].is_null(), "{field} is missing in {shown}");
        }
        assert_eq!(shown["status"], "scheduling");
    }

    #[test]
    fn only_an_idle_compute_sleeps_again() {
        let mut world = World::new(17, false);
        let actions = |world: &World| {
            let chain = reconfiguration(world, Effect::Nothing);
            chain.iter().map(|(action, _)| *action).collect::<Vec<_>>()
        };
        assert_eq!(actions(&world), ["apply_config"]);
        world.endpoint.state = EndpointState::Idle;
        assert_eq!(actions(&world), ["apply_config", "suspend_compute"]);
    }
}
