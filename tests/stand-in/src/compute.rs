//! One server: a branch's or a replica's. It is started, suspended, copied, and reached as superuser.

use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Client;
use tokio_postgres::types::PgLsn;

use crate::lab::Lab;
use crate::names;
use crate::postgres::admin::{self, Access};
use crate::postgres::cluster::{Cluster, WalLevel};
use crate::postgres::history::{self, Moment, Since};
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
    since: StdMutex<Option<Since>>,
    forked_at: Option<PgLsn>,
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
            since: StdMutex::default(),
            forked_at: None,
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

    /// A branch of this one: its data of now or of a moment of its past, without slots and subscriptions, `roles` with
    /// their passwords. It runs, in place of `before`, which is stopped and whose port it takes.
    pub(crate) async fn branch(
        &self,
        lab: &Lab,
        level: WalLevel,
        roles: &[Role],
        moment: Option<Moment>,
        before: Option<&Self>,
    ) -> Result<Self> {
        let (mut cluster, mut forked_at) = match moment {
            Some(moment) => (self.at(lab, moment).await?, None),
            None => (self.copy(lab).await?, self.position().await.ok()),
        };
        cluster.start_with(level, NO_WORKERS).await?;
        forked_at = forked_at.or_else(|| cluster.left_at());
        let password = self.access.password.clone();
        let access = Access { socket: cluster.socket().to_owned(), port: cluster.port(), password };
        let client = access.connect("postgres").await?;
        admin::begin_branch(&access, &client).await?;
        for role in roles.iter().filter(|role| role.password.is_some()) {
            roles::create(&client, &role.name, role.password.as_deref()).await?;
        }
        drop(client);
        cluster.stop().await?;
        cluster.begin_past().await?;
        if let Some(before) = before {
            before.halt(ServerState::Stopped, true).await?;
            cluster.use_port(before.access.port);
        }
        cluster.start(level).await?;
        let mut branch = Self::new(cluster, access.password)?;
        branch.forked_at = forked_at;
        branch.begin_past().await?;
        Ok(branch)
    }

    /// What is left of this one when a branch was made in its place: its data and its past, without slots and
    /// subscriptions, on another port. It sleeps.
    pub(crate) async fn kept(&self, level: WalLevel) -> Result<Self> {
        let mut cluster = self.retire(Cluster::without_slots).await?;
        cluster.start_with(level, NO_WORKERS).await?;
        let kept = Self::new(cluster, self.access.password.clone())?;
        let client = kept.superuser().await?;
        admin::begin_branch(&kept.access, &client).await?;
        drop(client);
        kept.set_since(self.since());
        kept.halt(ServerState::Asleep, false).await?;
        Ok(kept)
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

    async fn at(&self, lab: &Lab, moment: Moment) -> Result<Cluster> {
        let cluster = self.cluster.lock().await; // nobody stops it meanwhile
        if !cluster.runs() {
            bail!("the compute does not run");
        }
        let begun = |since: Since| match moment {
            Moment::At(time) => since.at <= time,
            Moment::Lsn(lsn) => since.lsn <= lsn,
        };
        if !self.since().is_some_and(begun) {
            bail!("the history of the branch has begun again meanwhile");
        }
        cluster.at(lab, &self.access.connect("postgres").await?, moment).await
    }

    /// Says that its past begins now.
    pub(crate) async fn begin_past(&self) -> Result<()> {
        let since = Since::now(&*self.superuser().await?).await?;
        self.set_since(Some(since));
        Ok(())
    }

    fn set_since(&self, since: Option<Since>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Where its past begins.
    pub(crate) fn since(&self) -> Option<Since> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets its past begin now if it takes more than `most` bytes.
    pub(crate) async fn shorten_past(&self, most: u64) -> Result<()> {
        let client = self.superuser().await?;
        let mut cluster = self.cluster.lock().await; // nobody recovers from it meanwhile
        if cluster.runs() && cluster.shorten_past(&client, most).await? {
            tracing::info!("the history takes more than {most} bytes and begins now");
            self.set_since(Some(Since::now(&client).await?));
        }
        Ok(())
    }

    /// Where it left the past of the one that it was made from.
    pub(crate) fn forked_at(&self) -> Option<PgLsn> {
        self.forked_at
    }

    /// Where it writes next, or where it was stopped.
    pub(crate) async fn position(&self) -> Result<PgLsn> {
        let stopped_at = {
            let cluster = self.cluster.lock().await;
            if cluster.runs() { None } else { Some(cluster.stopped_at()?) }
        };
        match stopped_at {
            Some(position) => Ok(position),
            None => history::position(&*self.superuser().await?).await,
        }
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
        self.retire(|_| Ok(())).await
    }

    /// The same; what `look` finds in the cluster when it has ended.
    async fn retire<T>(&self, look: impl FnOnce(&Cluster) -> Result<T>) -> Result<T> {
        let mut cluster = self.cluster.lock().await;
        self.state.send_replace(ServerState::Stopped);
        let stopped = cluster.crash().await;
        let found = look(&cluster);
        std::mem::forget(cluster); // the lock stays taken until the process ends
        stopped?;
        found
    }

    /// Removes its files, once it was closed or stopped.
    pub(crate) fn remove_files(&self) {
        if let Some(folder) = self.log.parent() {
            let _ = std::fs::remove_dir_all(folder); // the end of the run removes what is left
        }
    }
}
