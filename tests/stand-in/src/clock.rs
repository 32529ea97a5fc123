//! What happens by itself as time passes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::faults::Fate;
use crate::server;
use crate::world::Project;

/// How often we look.
const TICK: Duration = Duration::from_millis(200);

/// Until the process ends.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(TICK).await;
        expire(&app, Timestamp::now());
    }
}

/// Deletes branches whose time has come; one whose project is busy waits.
fn expire(app: &Arc<App>, now: Timestamp) {
    let mut world = app.world();
    for project in world.projects.iter_mut().filter(|project| project.chains == 0) {
        if let Some(branch) = expired(project, now).and_then(|id| project.branch(&id).cloned()) {
            tracing::info!("branch {} has expired", branch.id);
            server::remove_branch(app, project, &branch, Fate::Finished);
        }
    }
}

fn expired(project: &Project, now: Timestamp) -> Option<String> {
    let over = |time: &String| time.parse::<Timestamp>().is_ok_and(|time| time <= now);
    let mut branches = project.branches.iter().filter(|branch| branch.expires_at.as_ref().is_some_and(over));
    let found = branches.find(|branch| branch.id != project.default_branch && !project.has_children(&branch.id))?;
    Some(found.id.clone())
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
