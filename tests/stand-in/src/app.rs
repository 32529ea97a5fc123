//! What every part of the stand-in shares: the world, the faults, the journal, the servers and the ports.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::compute::{Compute, DATABASE, ServerState};
use crate::faults::Faults;
use crate::front::cache::Caches;
use crate::front::rounds::Rounds;
use crate::front::{self, Tls};
use crate::journal::Journal;
use crate::lab::Lab;
use crate::names;
use crate::postgres::admin::{self, Access};
use crate::postgres::cluster::WalLevel;
use crate::postgres::roles;
use crate::rates::Rates;
use crate::reset::Initial;
use crate::world::{EndpointState, Ports, World};

/// Name of the role that owns the first database.
pub(crate) const OWNER: &str = "neondb_owner";

/// The shared parts.
pub(crate) struct App {
    /// What the path of an admin route must hold.
    pub(crate) admin_token: String,
    /// Names that we are called by besides those of this machine.
    pub(crate) names: Vec<String>,
    /// The name that clients reach Postgres by.
    pub(crate) host: String,
    /// Address that all ports are on.
    pub(crate) listen: IpAddr,
    /// Faults to come.
    pub(crate) faults: StdMutex<Faults>,
    /// What the proxy keeps.
    caches: StdMutex<Caches>,
    /// When requests were let in.
    pub(crate) rates: StdMutex<Rates>,
    /// Calls seen.
    pub(crate) journal: StdMutex<Journal>,
    /// Told when an operation was looked at.
    pub(crate) polled: Notify,
    /// Told when all connections through the front are to be cut.
    pub(crate) cut: Notify,
    /// What clients asked the servers, and the fault at one of these rounds.
    pub(crate) rounds: Rounds,
    /// What clusters are made with.
    pub(crate) lab: Lab,
    /// Told when a test wants the whole to end.
    pub(crate) stop: Notify,
    initial: OnceLock<Initial>,
    tls: Arc<Tls>,
    world: StdMutex<World>,
    computes: StdMutex<BTreeMap<String, Arc<Compute>>>,
    fronts: StdMutex<BTreeMap<String, [AbortHandle; 2]>>,
}

impl App {
    /// The parts, with no server yet.
    pub(crate) fn new(
        lab: Lab,
        world: World,
        admin_token: String,
        names: Vec<String>,
        host: &str,
        listen: IpAddr,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            admin_token,
            names,
            host: host.to_owned(),
            listen,
            faults: StdMutex::default(),
            caches: StdMutex::default(),
            rates: StdMutex::default(),
            journal: StdMutex::default(),
            polled: Notify::new(),
            cut: Notify::new(),
            rounds: Rounds::default(),
            stop: Notify::new(),
            initial: OnceLock::new(),
            tls: Arc::new(Tls::new(&lab.certificates)?),
            lab,
            world: StdMutex::new(world),
            computes: StdMutex::default(),
            fronts: StdMutex::default(),
        }))
    }

    /// The server of the first project, with its owner and its database, and its endpoint's ports.
    pub(crate) async fn start(self: &Arc<Self>, port: u16) -> Result<()> {
        let (project, branch, endpoint) = {
            let world = self.world();
            let branch = world.first_branch().context("a project")?;
            let endpoint = branch.read_write().context("an endpoint")?;
            (world.first.clone(), branch.id.clone(), endpoint.id.clone())
        };
        let ports = self.open_endpoint(&endpoint, port)?;
        let password = names::password();
        {
            let mut world = self.world();
            let branch = world.first_branch_mut().context("a branch")?;
            branch.endpoints[0].ports = ports;
            branch.add_role(OWNER, Some(password.clone()), false);
            branch.add_database(DATABASE, OWNER, false);
        }
        self.add_project_compute(&project, &branch, None).await?;
        let _ = self.initial.set(Initial::of(self)?); // it starts once
        Ok(())
    }

    /// What the start has made.
    pub(crate) fn initial(&self) -> Result<&Initial> {
        self.initial.get().context("it has not started yet")
    }

    /// Ids of all computes.
    pub(crate) fn computes_there(&self) -> Vec<String> {
        self.computes().keys().cloned().collect()
    }

    /// The first server of a project: roles and databases that its default branch knows are made there.
    /// It takes port and password of `before`, if given.
    pub(crate) async fn add_project_compute(&self, project: &str, branch: &str, before: Option<&Access>) -> Result<()> {
        let major = self.world().project(project).context("the project")?.major;
        let compute = Compute::create(&self.lab, major, self.wal_level(project), before).await?;
        let (roles, databases) = {
            let world = self.world();
            let branch = world.project(project).and_then(|project| project.branch(branch)).context("the branch")?;
            (branch.roles.clone(), branch.databases.clone())
        };
        let client = compute.superuser().await?;
        for role in roles.values() {
            roles::create(&client, &role.name, role.password.as_deref()).await?;
        }
        for database in &databases {
            admin::create_database(&compute.access, &database.name, &database.owner).await?;
        }
        compute.begin_past().await?;
        let mut world = self.world();
        if let Some(branch) = world.project_mut(project).and_then(|project| project.branch_mut(branch)) {
            branch.roles.values_mut().for_each(|role| role.applied = true);
            branch.databases.iter_mut().for_each(|database| database.applied = true);
        }
        world.compute_turned(branch, EndpointState::Active);
        self.add_compute(branch, compute);
        Ok(())
    }

    /// What the control plane knows. Never held over an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the proxy keeps. Taken after the world, never before it.
    pub(crate) fn caches(&self) -> MutexGuard<'_, Caches> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids of the computes whose servers run.
    pub(crate) fn running(&self) -> Vec<String> {
        let computes = self.computes();
        let running = computes.iter().filter(|(_, compute)| compute.state() == ServerState::Up);
        running.map(|(id, _)| id.clone()).collect()
    }

    fn computes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Compute>>> {
        self.computes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server of that branch or read-only endpoint.
    pub(crate) fn compute(&self, id: &str) -> Result<Arc<Compute>> {
        self.computes().get(id).cloned().with_context(|| format!("no server for {id} yet"))
    }

    /// The server of the project that was there at the start.
    pub(crate) fn first_compute(&self) -> Result<Arc<Compute>> {
        let id = self.world().first_branch().context("the first project has gone")?.id.clone();
        self.compute(&id)
    }

    /// Adds a server; the one that it replaces is given back.
    pub(crate) fn add_compute(&self, id: &str, compute: Compute) -> Option<Arc<Compute>> {
        self.computes().insert(id.to_owned(), Arc::new(compute))
    }

    /// Ends a server for good, with its data.
    pub(crate) async fn remove_compute(&self, id: &str) -> Result<()> {
        let removed = self.computes().remove(id);
        if let Some(compute) = removed {
            compute.halt(ServerState::Stopped, true).await?;
            compute.remove_files();
        }
        Ok(())
    }

    /// Opens an endpoint's two ports; 0 takes a free one.
    pub(crate) fn open_endpoint(self: &Arc<Self>, endpoint: &str, port: u16) -> Result<Ports> {
        let (ports, tasks) = front::open(self, endpoint, port, &self.tls)?;
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.to_owned(), tasks);
        Ok(ports)
    }

    /// Closes them; connections that are open stay.
    pub(crate) fn close_endpoint(&self, endpoint: &str) {
        let tasks = self.fronts.lock().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
        tasks.iter().flatten().for_each(AbortHandle::abort);
    }

    /// `wal_level` of the project's servers.
    pub(crate) fn wal_level(&self, project: &str) -> WalLevel {
        let logical = self.world().project(project).is_some_and(crate::world::Project::logical);
        if logical { WalLevel::Logical } else { WalLevel::Replica }
    }

    fn wal_level_of_compute(&self, compute: &str) -> WalLevel {
        let project = self.world().project_of_compute(compute).map(|project| project.id.clone());
        self.wal_level(&project.unwrap_or_default())
    }

    /// Starts that server when it does not run; waits for a restart that is under way.
    pub(crate) async fn wake(&self, compute: &str) -> Result<()> {
        let level = self.wal_level_of_compute(compute);
        if self.compute(compute)?.wake(level).await? {
            self.world().compute_turned(compute, EndpointState::Active);
        }
        Ok(())
    }

    /// Stops it; `at_once` without letting any session finish what it is at.
    pub(crate) async fn halt(&self, compute: &str, into: ServerState, at_once: bool) -> Result<()> {
        self.compute(compute)?.halt(into, at_once).await?;
        self.world().compute_turned(compute, EndpointState::Idle);
        Ok(())
    }

    /// Kills its processes. The next connection through the front starts it again.
    pub(crate) async fn kill(&self, compute: &str) -> Result<()> {
        self.compute(compute)?.kill().await
    }

    /// Stops and starts it.
    pub(crate) async fn restart(&self, compute: &str) -> Result<()> {
        let level = self.wal_level_of_compute(compute);
        self.compute(compute)?.restart(level).await?;
        self.world().compute_turned(compute, EndpointState::Active);
        Ok(())
    }

    /// Stops all servers for good.
    pub(crate) async fn close(&self) -> Result<()> {
        let computes: Vec<_> = self.computes().values().cloned().collect();
        let mut failed = None;
        for compute in computes {
            failed = compute.close().await.err().or(failed);
        }
        if let Some(error) = failed {
            bail!(error);
        }
        Ok(())
    }

    /// Takes over roles and databases of a branch from its server's catalogue, unless an operation is about to change
    /// them.
    pub(crate) async fn take_over_catalogue(&self, project: &str, branch: &str) {
        let busy = |world: &World| world.project(project).is_none_or(|project| project.chains > 0);
        let Ok(compute) = self.compute(branch) else { return };
        if busy(&self.world()) || compute.state() != ServerState::Up {
            return;
        }
        let Ok(client) = compute.superuser().await else {
            return;
        };
        let (Ok(roles), Ok(databases)) = (roles::list(&client).await, roles::list_databases(&client).await) else {
            return;
        };
        let mut world = self.world();
        if busy(&world) {
            return;
        }
        if let Some(branch) = world.project_mut(project).and_then(|project| project.branch_mut(branch)) {
            branch.take_over(&roles, &databases);
        }
    }
}
