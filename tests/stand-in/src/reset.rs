//! Back to the state of the start: the same ids, keys, passwords and ports, and a new cluster behind them.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::knobs::Knobs;
use crate::postgres::admin::Access;
use crate::world::World;

/// How long operations that run may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the start has made.
pub(crate) struct Initial {
    world: World,
    access: Access,
}

impl Initial {
    /// As it is now.
    pub(crate) fn of(app: &App) -> Result<Self> {
        let access = app.first_compute()?.access.clone();
        Ok(Self { world: app.world().clone(), access })
    }
}

/// Does it. Connections are cut, operations that run are waited for.
pub(crate) async fn reset(app: &Arc<App>) -> Result<()> {
    let initial = app.initial()?;
    app.world().knobs = Knobs::default();
    app.polled.notify_waiters();
    let until = Instant::now() + PATIENCE;
    while app.world().projects.iter().any(|project| project.chains > 0) {
        if Instant::now() > until {
            bail!("an operation does not end");
        }
        sleep(Duration::from_millis(10)).await;
    }
    app.cut.notify_waiters();
    app.forget();

    let (project, branch, endpoint) = {
        let branch = initial.world.first_branch().context("a branch")?;
        (initial.world.first.clone(), branch.id.clone(), branch.read_write().context("an endpoint")?.clone())
    };
    // Nothing is found while the servers are exchanged, but for the keys.
    let before = {
        let mut world = app.world();
        let found = std::mem::replace(&mut *world, initial.world.clone());
        for branch in world.projects.iter_mut().flat_map(|project| &mut project.branches) {
            "init".clone_into(&mut branch.state);
        }
        found
    };
    let endpoints = before.projects.iter().flat_map(|project| &project.branches).flat_map(|branch| &branch.endpoints);
    let mut first_is_open = false;
    for found in endpoints {
        if found.id == endpoint.id {
            first_is_open = true;
        } else {
            app.close_endpoint(&found.id);
        }
    }
    for compute in app.computes_there() {
        app.remove_compute(&compute).await?;
    }
    app.add_project_compute(&project, &branch, Some(&initial.access)).await?;
    if !first_is_open {
        let ports = app.open_endpoint(&endpoint.id, endpoint.ports.direct)?;
        if let Some(branch) = app.world().first_branch_mut() {
            branch.endpoints[0].ports = ports;
        }
    }
    if let Some(branch) = app.world().first_branch_mut() {
        "ready".clone_into(&mut branch.state);
    }
    Ok(())
}

impl App {
    /// Forgets faults, calls, and what was counted or kept.
    fn forget(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.rounds.clear();
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner) = crate::rates::Rates::default();
        *self.caches() = crate::front::cache::Caches::default();
    }
}
