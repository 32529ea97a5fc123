//! What happens by itself as time passes: branches expire, idle computes are suspended, forgotten slots are dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;

use crate::app::App;
use crate::compute::ServerState;
use crate::faults::Fate;
use crate::operations::{self, Effect, Link};
use crate::postgres::passing;
use crate::server::{self, Way};
use crate::world::{EndpointState, Project};

/// How often we look.
const TICK: Duration = Duration::from_millis(200);

/// Since when a slot has been idle at the same place, by compute and name.
type IdleSlots = BTreeMap<(String, String), (String, Instant)>;

/// Until the process ends.
pub(crate) async fn run(app: Arc<App>) {
    let mut idle_slots = IdleSlots::new();
    loop {
        tokio::time::sleep(TICK).await;
        expire(&app, Timestamp::now());
        let (idle_suspend, reaper, history) = {
            let knobs = &app.world().knobs;
            let time = |ms: Option<u64>| ms.map(Duration::from_millis);
            (time(knobs.idle_suspend_ms), time(knobs.slot_reaper_ms), knobs.history_mb << 20)
        };
        for id in app.running() {
            if let Err(error) = shorten_past(&app, &id, history).await {
                tracing::debug!("the history of {id}: {error:#}");
            }
            if let Some(patience) = reaper
                && let Err(error) = reap(&app, &id, patience, &mut idle_slots).await
            {
                tracing::debug!("slots of {id}: {error:#}");
            }
            if let Some(patience) = idle_suspend
                && let Err(error) = suspend_if_idle(&app, &id, patience).await
            {
                tracing::debug!("suspending {id}: {error:#}");
            }
        }
    }
}

/// Bounds what the past of a branch takes, while nothing is made from it.
async fn shorten_past(app: &App, id: &str, most: u64) -> Result<()> {
    let peace = app.world().project_of_compute(id).is_some_and(|project| project.chains == 0);
    if peace { app.compute(id)?.shorten_past(most).await } else { Ok(()) }
}

/// Deletes branches and snapshots whose time has come; what is of a busy project waits.
fn expire(app: &Arc<App>, now: Timestamp) {
    let mut world = app.world();
    for project in world.projects.iter_mut().filter(|project| project.chains == 0) {
        if let Some(branch) = expired(project, now).and_then(|id| project.branch(&id).cloned()) {
            tracing::info!("branch {} has expired", branch.id);
            server::remove_branch(app, project, &branch, Way::Expired, Fate::Finished);
        } else if let Some(snapshot) = project.snapshots.iter().find(|it| is_over(it.expires_at.as_ref(), now)).cloned()
        {
            tracing::info!("snapshot {} has expired", snapshot.id);
            server::remove_snapshot(app, project, &snapshot, Fate::Finished);
        }
    }
}

fn is_over(time: Option<&String>, now: Timestamp) -> bool {
    time.is_some_and(|time| time.parse::<Timestamp>().is_ok_and(|time| time <= now))
}

fn expired(project: &Project, now: Timestamp) -> Option<String> {
    let mut branches = project.branches.iter().filter(|branch| is_over(branch.expires_at.as_ref(), now));
    let found = branches.find(|branch| branch.id != project.default_branch && !project.has_children(&branch.id))?;
    Some(found.id.clone())
}

/// Suspends a compute that nothing has kept awake for so long, by an operation as Neon does.
async fn suspend_if_idle(app: &Arc<App>, id: &str, patience: Duration) -> Result<()> {
    let compute = app.compute(id)?;
    if passing::is_busy(&*compute.superuser().await?).await? {
        compute.touch();
    }
    if compute.untouched_for() < patience {
        return Ok(());
    }
    let mut world = app.world();
    let Some(project) = world.project_of_compute(id).map(|project| project.id.clone()) else { return Ok(()) };
    let Some(project) = world.project_mut(&project).filter(|project| project.chains == 0) else { return Ok(()) };
    let chain: Vec<_> = project
        .branches
        .iter()
        .flat_map(|branch| branch.endpoints.iter().map(move |endpoint| (branch, endpoint)))
        .map(|(branch, endpoint)| (Link::of_endpoint("suspend_compute", Effect::Suspend, branch, endpoint), endpoint))
        .filter(|(link, endpoint)| link.compute() == id && endpoint.state == EndpointState::Active)
        .map(|(link, _)| link)
        .collect();
    operations::schedule(app, project, chain, Fate::Finished);
    Ok(())
}

/// Drops slots whose consumer has not been there, nor confirmed anything, for so long.
async fn reap(app: &App, id: &str, patience: Duration, idle: &mut IdleSlots) -> Result<()> {
    let compute = app.compute(id)?;
    if compute.state() != ServerState::Up {
        return Ok(());
    }
    let client = compute.superuser().await?;
    let found = passing::idle_slots(&client).await?;
    idle.retain(|(of, name), _| of != id || found.iter().any(|(slot, _)| slot == name));
    for (name, confirmed) in found {
        let entry = idle.entry((id.to_owned(), name.clone())).or_insert_with(|| (confirmed.clone(), Instant::now()));
        if entry.0 != confirmed {
            *entry = (confirmed, Instant::now());
        } else if entry.1.elapsed() >= patience {
            tracing::info!("slot {name} was idle for too long");
            passing::drop_slot(&client, &name).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn only_a_leaf_whose_time_has_come_expires() {
        let mut world = World::new(17, false);
        let mut child = world.first_branch().expect("a branch").child("child");
        child.expires_at = Some("2031-01-01T00:00:00Z".to_owned());
        let (id, grandchild) = (child.id.clone(), child.child("grandchild"));
        world.projects[0].branches.push(child);
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert_eq!(expired(&world.projects[0], at("2030-12-31T23:59:59Z")), None);
        assert_eq!(expired(&world.projects[0], at("2031-01-01T00:00:00Z")), Some(id));
        world.projects[0].branches.push(grandchild);
        assert_eq!(expired(&world.projects[0], at("2032-01-01T00:00:00Z")), None);
    }
}
