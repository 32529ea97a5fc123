//! Whose turn it is to change a project, and how often it was changed.
//!
//! Neon answers 423 to a change while the operations of another run, so changes of one project wait for one another here. Each
//! change raises the project's generation, by which shared answers know that they are out of date.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::Budget;
use super::error::Error;
use super::ids::ProjectId;

/// The turns of all projects.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<ProjectId, State>>);

#[derive(Debug, Default)]
struct State {
    lock: Arc<tokio::sync::Mutex<()>>,
    generation: u64,
}

/// The turn to change one project, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    project: ProjectId,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for the turn to change a project.
    pub(crate) async fn take(self: &Arc<Self>, project: &ProjectId, budget: &Budget) -> Result<Turn, Error> {
        let lock = Arc::clone(&self.states().entry(project.clone()).or_default().lock);
        let guard = budget.run(lock.lock_owned()).await.map_err(|ended| {
            Error::new(ended.kind(), ended.sentence())
                .context(format!("waiting for another change of project `{project}` by this provider"))
        })?;
        self.changed(project);
        Ok(Turn { turns: Arc::clone(self), project: project.clone(), _guard: guard })
    }

    /// What was read before is out of date.
    pub(crate) fn changed(&self, project: &ProjectId) {
        let mut states = self.states();
        let state = states.entry(project.clone()).or_default();
        state.generation = state.generation.wrapping_add(1);
    }

    /// Raised when a change begins and when it ends.
    pub(crate) fn generation(&self, project: &ProjectId) -> u64 {
        self.states().get(project).map_or(0, |state| state.generation)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<ProjectId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    pub(crate) fn project(&self) -> &ProjectId {
        &self.project
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.changed(&self.project);
    }
}
