//! One server: a branch's or a replica's. It is started, suspended, copied, and reached as superuser.

use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;

use crate::lab::Lab;
use crate::names;
use crate::postgres::admin::{self, Access};
use crate::postgres::cluster::{Cluster, WalLevel};
use crate::postgres::roles;
use crate::world::Role;

/// Name of the first database.
pub(crate) const DATABASE: &str = "neondb";

/// Keeps subscriptions of a copy from running before they are dropped.
const NO_WORKERS: &[&str] = &["max_logical_replication_workers=0"];

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

/// A server.
pub(crate) struct Compute {
    /// Where the superuser connects.
    pub(crate) access: Access,
    /// The server's own log.
    pub(crate) log: PathBuf,
    /// Closed file with the superuser's connection string.
    pub(crate) dsn_file: PathBuf,
    state: watch::Sender<ServerState>,
    cluster: Mutex<Cluster>,
    superuser: Mutex<Option<Arc<Client>>>,
    touched: StdMutex<Instant>,
}

impl Compute {
    fn new(cluster: Cluster, password: String) -> Result<Self> {
        let access = Access { socket: cluster.socket().to_owned(), port: cluster.port(), password };
        Ok(Self {
            log: cluster.log().to_owned(),
            dsn_file: cluster.write_closed("superuser.dsn", &access.dsn(DATABASE))?,
            access,
            state: watch::Sender::new(ServerState::Up),
            cluster: Mutex::new(cluster),
            superuser: Mutex::new(None),
            touched: StdMutex::new(Instant::now()),
        })
    }

    /// A new cluster as Neon makes one, without roles and databases of users, with port and password of `before`. It runs.
    pub(crate) async fn create(lab: &Lab, major: u16, level: WalLevel, before: Option<&Access>) -> Result<Self> {
        let mut cluster = Cluster::from_seed(lab, lab.installation(major).await?)?;
        if let Some(before) = before {
            cluster.use_port(before.port);
        }
        cluster.start(level).await?;
        let password = before.map_or_else(names::password, |before| before.password.clone());
        let compute = Self::new(cluster, password)?;
        admin::set_up_cluster(&*compute.superuser().await?, major, &compute.access.password).await?;
        Ok(compute)
    }

    /// A child of this one: its data, without slots and subscriptions, `roles` with their passwords. It runs.
    pub(crate) async fn branch(&self, lab: &Lab, level: WalLevel, roles: &[Role]) -> Result<Self> {
        let mut cluster = self.copy(lab).await?;
        cluster.start_with(level, NO_WORKERS).await?;
        let child = Self::new(cluster, self.access.password.clone())?;
        let client = child.superuser().await?;
        admin::begin_branch(&child.access, &client).await?;
        for role in roles.iter().filter(|role| role.password.is_some()) {
            roles::create(&client, &role.name, role.password.as_deref()).await?;
        }
        drop(client);
        child.restart(level).await?;
        Ok(child)
    }

    /// A replica of this one. It runs.
    pub(crate) async fn replica(&self, lab: &Lab, level: WalLevel) -> Result<Self> {
        let mut cluster = self.copy(lab).await?;
        cluster.follow(&self.access.socket, self.access.port)?;
        cluster.start(level).await?;
        Self::new(cluster, self.access.password.clone())
    }

    async fn copy(&self, lab: &Lab) -> Result<Cluster> {
        let cluster = self.cluster.lock().await; // nobody stops or starts it meanwhile
        let client = if cluster.runs() { Some(self.access.connect("postgres").await?) } else { None };
        cluster.copy(lab, client.as_ref()).await
    }

    /// The superuser's lasting connection, opened again when it was lost.
    pub(crate) async fn superuser(&self) -> Result<Arc<Client>> {
        let mut kept = self.superuser.lock().await;
        if let Some(client) = kept.as_ref()
            && !client.is_closed()
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.access.connect("postgres").await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Notes that somebody used it.
    pub(crate) fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long nobody has.
    pub(crate) fn untouched_for(&self) -> Duration {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// How the server is now.
    pub(crate) fn state(&self) -> ServerState {
        *self.state.borrow()
    }

    /// Process id of the server while it runs.
    pub(crate) async fn pid(&self) -> Option<u32> {
        self.cluster.lock().await.pid()
    }

    /// Starts the server when it does not run; waits for a restart that is under way. True: it was down.
    pub(crate) async fn wake(&self, level: WalLevel) -> Result<bool> {
        let mut cluster = self.cluster.lock().await;
        cluster.start(level).await.context("starting the compute")?;
        self.touch();
        Ok(self.state.send_replace(ServerState::Up) != ServerState::Up)
    }

    /// Stops the server; `at_once` without letting any session finish what it is at.
    pub(crate) async fn halt(&self, into: ServerState, at_once: bool) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(into);
        if at_once {
            cluster.crash().await?;
        } else {
            cluster.stop().await?;
        }
        *self.superuser.lock().await = None;
        Ok(())
    }

    /// Kills the server. It counts as up: the next connection starts it.
    pub(crate) async fn kill(&self) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        cluster.kill().await?;
        *self.superuser.lock().await = None;
        Ok(())
    }

    /// Stops and starts the server; connections that come meanwhile wait.
    pub(crate) async fn restart(&self, level: WalLevel) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(ServerState::Asleep);
        cluster.stop().await?;
        *self.superuser.lock().await = None;
        cluster.start(level).await?;
        self.state.send_replace(ServerState::Up);
        Ok(())
    }

    /// Stops the server for good: nothing that still runs can start it again.
    pub(crate) async fn close(&self) -> Result<()> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(ServerState::Stopped);
        let stopped = cluster.crash().await;
        std::mem::forget(cluster); // the lock stays taken until the process ends
        stopped
    }

    /// Removes its files, once it was closed or stopped.
    pub(crate) fn remove_files(&self) {
        if let Some(folder) = self.log.parent() {
            let _ = std::fs::remove_dir_all(folder); // the end of the run removes what is left
        }
    }
}
