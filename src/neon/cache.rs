//! Answers that reads share: each is loaded once by a single flight and dropped by a change of its project.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::branch::Branch;
use super::client::Client;
use super::connection_uri::ConnectionUri;
use super::database::Database;
use super::endpoint::Endpoint;
use super::error::{Error, Kind};
use super::ids::{BranchId, ProjectId};
use super::project::Project;
use super::retry::Budget;
use super::role::Role;

/// A load that is done or under way; those who come meanwhile wait for it.
type Load<V> = Arc<OnceCell<Result<V, Error>>>;

/// Loads of one kind of answer.
#[derive(Debug)]
struct Flights<K, V>(Mutex<BTreeMap<(ProjectId, K), Load<V>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord + Clone + Send, V: Clone + Send + Sync> Flights<K, V> {
    /// The answer, loaded at most once at a time. An error is shared by those who wait for it and is not kept.
    async fn get<F>(&self, key: (ProjectId, K), budget: &Budget, load: impl Fn() -> F + Send + Sync) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send,
    {
        loop {
            let cell = Arc::clone(self.flights().entry(key.clone()).or_default());
            let mut mine = false;
            let outcome = budget
                .run(cell.get_or_init(|| {
                    mine = true;
                    load()
                }))
                .await;
            let error = match outcome {
                Ok(Ok(value)) => return Ok(value.clone()),
                Ok(Err(error)) => error.clone(),
                Err(ended) => {
                    return Err(Error::new(ended.kind(), format!("waiting for Neon's API, {}", ended.sentence())));
                }
            };
            self.drop_one(&key, &cell);
            // The time of the one who loaded was over, not ours.
            let of_another = !mine && matches!(error.kind(), Kind::TimedOut | Kind::Cancelled);
            if !of_another || budget.ended().is_some() {
                return Err(error);
            }
        }
    }

    fn drop_one(&self, key: &(ProjectId, K), cell: &Load<V>) {
        let mut flights = self.flights();
        if flights.get(key).is_some_and(|kept| Arc::ptr_eq(kept, cell)) {
            flights.remove(key);
        }
    }

    /// A load under way ends for those who wait for it, but is not kept.
    fn forget(&self, project: &ProjectId) {
        self.flights().retain(|(of, _), _| of != project);
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, BTreeMap<(ProjectId, K), Load<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All that reads share.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    projects: Flights<(), Arc<Project>>,
    default_branches: Flights<(), Arc<Branch>>,
    branches: Flights<BranchId, Arc<Branch>>,
    endpoints: Flights<BranchId, Option<Arc<Endpoint>>>,
    roles: Flights<BranchId, Arc<Vec<Role>>>,
    databases: Flights<(BranchId, String), Arc<Database>>,
    uris: Flights<(BranchId, String, String), Arc<ConnectionUri>>,
}

impl Cache {
    /// Called when a change of the project begins and when it ends.
    pub(crate) fn forget(&self, project: &ProjectId) {
        self.projects.forget(project);
        self.default_branches.forget(project);
        self.branches.forget(project);
        self.endpoints.forget(project);
        self.roles.forget(project);
        self.databases.forget(project);
        self.uris.forget(project);
    }
}

/// The client as reads and plan checks use it: answers may be as old as this process and younger than its last change of the project.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a>(&'a Client);

impl Client {
    /// Answers that may be shared. Create, update and delete ask the client itself.
    pub fn shared(&self) -> Shared<'_> {
        Shared(self)
    }

    /// Drops what reads share of a project: something that the API knows was changed by other means, such as SQL.
    pub fn forget(&self, project: &ProjectId) {
        self.cache().forget(project);
    }
}

impl Shared<'_> {
    /// The project.
    pub async fn project(&self, project: &ProjectId, budget: &Budget) -> Result<Arc<Project>, Error> {
        let load = || async { self.0.get_project(project, budget).await.map(Arc::new) };
        self.0.cache().projects.get((project.clone(), ()), budget, load).await
    }

    /// The project's default branch.
    pub async fn default_branch(&self, project: &ProjectId, budget: &Budget) -> Result<Arc<Branch>, Error> {
        let load = || async { self.0.default_branch(project, budget).await.map(Arc::new) };
        self.0.cache().default_branches.get((project.clone(), ()), budget, load).await
    }

    /// A branch.
    pub async fn branch(&self, project: &ProjectId, branch: &BranchId, budget: &Budget) -> Result<Arc<Branch>, Error> {
        let load = || async { self.0.get_branch(project, branch, budget).await.map(Arc::new) };
        self.0.cache().branches.get((project.clone(), branch.clone()), budget, load).await
    }

    /// The endpoint of a branch that writes.
    pub async fn read_write_endpoint(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        budget: &Budget,
    ) -> Result<Option<Arc<Endpoint>>, Error> {
        let load = || async { Ok(self.0.read_write_endpoint(project, branch, budget).await?.map(Arc::new)) };
        self.0.cache().endpoints.get((project.clone(), branch.clone()), budget, load).await
    }

    /// A role, out of one list for all roles of the branch. `None` means gone: the branch was read.
    pub async fn role(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Option<Role>, Error> {
        let load = || async { self.0.list_roles(project, branch, budget).await.map(Arc::new) };
        let roles = self.0.cache().roles.get((project.clone(), branch.clone()), budget, load).await?;
        Ok(roles.iter().find(|role| role.name == name).cloned())
    }

    /// A database.
    pub async fn database(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        name: &str,
        budget: &Budget,
    ) -> Result<Arc<Database>, Error> {
        let load = || async { self.0.get_database(project, branch, name, budget).await.map(Arc::new) };
        let key = (project.clone(), (branch.clone(), name.to_owned()));
        self.0.cache().databases.get(key, budget, load).await
    }

    /// The way into a database.
    pub async fn connection_uri(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        database: &str,
        role: &str,
        budget: &Budget,
    ) -> Result<Arc<ConnectionUri>, Error> {
        let load = || async { self.0.connection_uri(project, branch, database, role, budget).await.map(Arc::new) };
        let key = (project.clone(), (branch.clone(), database.to_owned(), role.to_owned()));
        self.0.cache().uris.get(key, budget, load).await
    }
}
