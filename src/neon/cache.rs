//! What reads share: each answer is loaded once, and is out of date when its project has changed since.

use std::sync::Arc;

use super::branch::Branch;
use super::budget::Budget;
use super::connection_uri::ConnectionUri;
use super::database::ApiDatabase;
use super::error::Error;
use super::ids::{BranchId, ProjectId};
use super::project::Project;
use super::role::ApiRole;
use crate::single_flight::SingleFlight;

/// Answers of one kind, by project, generation of the project, and what else tells them apart.
#[derive(Debug)]
pub(crate) struct Answers<K, V>(SingleFlight<(ProjectId, u64, K), V, Error>);

impl<K, V> Default for Answers<K, V> {
    fn default() -> Self {
        Self(SingleFlight::default())
    }
}

impl<K: Ord + Clone + Send + Sync, V: Clone + Send + Sync> Answers<K, V> {
    /// The answer as of that generation of the project, loaded at most once at a time.
    pub(crate) async fn get<F>(
        &self,
        (project, generation): (&ProjectId, u64),
        key: K,
        budget: &Budget,
        load: impl Fn() -> F + Send + Sync,
    ) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send,
    {
        self.0.forget(|(of, old, _)| of == project && *old < generation);
        let key = (project.clone(), generation, key);
        let load = budget.run(self.0.get(&key, load)).await;
        load.map_err(|ended| Error::new(ended.kind(), format!("no answer of Neon's API, {}", ended.sentence())))?
    }
}

/// All that reads share.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) projects: Answers<(), Arc<Project>>,
    pub(crate) default_branches: Answers<(), Arc<Branch>>,
    pub(crate) branches: Answers<BranchId, Arc<Branch>>,
    pub(crate) roles: Answers<BranchId, Arc<Vec<ApiRole>>>,
    pub(crate) databases: Answers<(BranchId, String), Arc<ApiDatabase>>,
    pub(crate) database_lists: Answers<BranchId, Arc<Vec<ApiDatabase>>>,
    pub(crate) uris: Answers<(BranchId, String, String), Arc<ConnectionUri>>,
}
