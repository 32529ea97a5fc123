//! What every part of the stand-in shares: the world, the faults, the journal and the server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tokio::sync::{Mutex, Notify, watch};
use tokio_postgres::Client;

use crate::faults::Faults;
use crate::journal::Journal;
use crate::names;
use crate::postgres::admin::{self, Access};
use crate::postgres::cluster::{Cluster, WalLevel};
use crate::postgres::roles;
use crate::world::{EndpointState, World};

/// Name of the first database.
pub(crate) const DATABASE: &str = "neondb";

/// Name of the role that owns it.
pub(crate) const OWNER: &str = "neondb_owner";

/// Whether connections can be passed on to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// It takes connections.
    Up,
    /// It is suspended; a connection wakes it.
    Asleep,
    /// It was stopped on request and stays so.
    Stopped,
}

/// An endpoint's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    /// To the compute itself.
    pub(crate) direct: u16,
    /// Through what stands for the pooler.
    pub(crate) pooled: u16,
}

/// The shared parts.
pub(crate) struct App {
    /// The one key that the API accepts.
    pub(crate) api_key: String,
    /// What the path of an admin route must hold.
    pub(crate) admin_token: String,
    /// Names that we are called by besides those of this machine.
    pub(crate) names: Vec<String>,
    /// Ports that clients reach Postgres on.
    pub(crate) ports: Ports,
    /// Faults to come.
    pub(crate) faults: StdMutex<Faults>,
    /// Calls seen.
    pub(crate) journal: StdMutex<Journal>,
    /// Told when an operation was looked at.
    pub(crate) polled: Notify,
    /// Told when all connections through the front are to be cut.
    pub(crate) cut: Notify,
    /// The server's own log.
    pub(crate) log: PathBuf,
    /// Closed file with the superuser's connection string.
    pub(crate) dsn_file: PathBuf,
    state: watch::Sender<ServerState>,
    world: StdMutex<World>,
    cluster: Mutex<Cluster>,
    access: Access,
    superuser: Mutex<Option<Arc<Client>>>,
}

impl App {
    /// Starts the server of a prepared cluster and sets up project, owner role and first database.
    pub(crate) async fn start(
        mut cluster: Cluster,
        world: World,
        api_key: String,
        names: Vec<String>,
        ports: Ports,
    ) -> Result<Arc<Self>> {
        cluster.start(wal_level(&world)).await?;
        let password = names::password();
        let access = Access { socket: cluster.socket().to_owned(), port: cluster.port(), password };
        admin::set_up_cluster(&access.connect("postgres").await?, world.major, &access.password).await?;
        let app = Arc::new(Self {
            api_key,
            admin_token: names::admin_token(),
            names,
            ports,
            faults: StdMutex::default(),
            journal: StdMutex::default(),
            polled: Notify::new(),
            cut: Notify::new(),
            log: cluster.log().to_owned(),
            dsn_file: cluster.write_closed("superuser.dsn", &access.dsn(DATABASE))?,
            state: watch::Sender::new(ServerState::Up),
            world: StdMutex::new(world),
            cluster: Mutex::new(cluster),
            access: access.clone(),
            superuser: Mutex::new(None),
        });
        let owner_password = names::password();
        roles::create(&*app.superuser().await?, OWNER, Some(&owner_password)).await?;
        admin::create_database(&access, DATABASE, OWNER).await?;
        {
            let mut world = app.world();
            world.add_role(OWNER, Some(owner_password), true);
            world.add_database(DATABASE, OWNER, true);
        }
        Ok(app)
    }

    /// What the control plane knows. Never held over an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the superuser connects.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The superuser's lasting connection, opened again when it was lost.
    pub(crate) async fn superuser(&self) -> Result<Arc<Client>> {
        let mut kept = self.superuser.lock().await;
        if let Some(client) = kept.as_ref()
            && !client.is_closed()
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.access().connect("postgres").await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// How the server is now.
    pub(crate) fn server_state(&self) -> ServerState {
        *self.state.borrow()
    }

    /// Starts the server when it does not run; waits for a restart that is under way.
    pub(crate) async fn wake(&self) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        let level = wal_level(&self.world());
        cluster.start(level).await.context("starting the compute")?;
        if self.server_state() != ServerState::Up {
            self.turned(ServerState::Up, EndpointState::Active);
        }
        Ok(())
    }

    /// Stops the server: the compute sleeps and a connection wakes it.
    pub(crate) async fn suspend(&self) -> Result<()> {
        self.halt(ServerState::Asleep, false).await
    }

    /// Stops the server until it is started on request.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.halt(ServerState::Stopped, false).await
    }

    /// The same without any order: no session gets to finish what it is at.
    pub(crate) async fn crash(&self) -> Result<()> {
        self.halt(ServerState::Stopped, true).await
    }

    /// Stops the server for good: nothing that still runs can start it again.
    pub(crate) async fn close(&self) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(ServerState::Stopped);
        let stopped = cluster.crash().await;
        std::mem::forget(cluster); // the lock stays taken until the process ends
        stopped
    }

    async fn halt(&self, into: ServerState, at_once: bool) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(into);
        if at_once {
            cluster.crash().await?;
        } else {
            cluster.stop().await?;
        }
        *self.superuser.lock().await = None;
        self.turned(into, EndpointState::Idle);
        Ok(())
    }

    /// Stops and starts the server; connections that come meanwhile wait.
    pub(crate) async fn restart(&self) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        let level = wal_level(&self.world());
        self.state.send_replace(ServerState::Asleep);
        cluster.stop().await?;
        *self.superuser.lock().await = None;
        cluster.start(level).await?;
        self.turned(ServerState::Up, EndpointState::Active);
        Ok(())
    }

    /// Process id of the server while it runs.
    pub(crate) async fn server_pid(&self) -> Option<u32> {
        self.cluster.lock().await.pid()
    }

    fn turned(&self, state: ServerState, endpoint: EndpointState) {
        self.state.send_replace(state);
        let mut world = self.world();
        let now = Some(names::now());
        world.endpoint.state = endpoint;
        world.endpoint.pending = None;
        match endpoint {
            EndpointState::Active => world.endpoint.started_at = now,
            EndpointState::Idle => world.endpoint.suspended_at = now,
        }
    }

    /// Takes over roles and databases from the server's catalogue, unless an operation is about to change them.
    pub(crate) async fn take_over_catalogue(&self) {
        if self.world().chains > 0 || self.server_state() != ServerState::Up {
            return;
        }
        let Ok(client) = self.superuser().await else {
            return;
        };
        let (Ok(roles), Ok(databases)) = (roles::list(&client).await, roles::list_databases(&client).await) else {
            return;
        };
        let mut world = self.world();
        if world.chains == 0 {
            world.take_over(&roles, &databases);
        }
    }
}

fn wal_level(world: &World) -> WalLevel {
    if world.logical() { WalLevel::Logical } else { WalLevel::Replica }
}
