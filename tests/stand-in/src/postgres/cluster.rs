//! One running cluster: data copied from the seed, settings as Neon's computes have them, start, stop and restart.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::types::PgLsn;

use super::archive::Installation;
use super::copy;
use super::history::{self, Moment};
use super::process;
use super::tls::Certificates;
use super::user::RunAs;
use crate::lab::Lab;

/// Ports that Linux never gives to outgoing connections by itself, so that a restart finds its port free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How long a fast shutdown may take before the immediate one: a walsender waits for its consumer.
const FAST_SHUTDOWN: Duration = Duration::from_secs(3);

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_mins(1);

/// How often a start is tried.
const START_ATTEMPTS: u32 = 5;

/// The server's `wal_level`: the two values that Neon knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalLevel {
    /// A project without logical replication.
    Replica,
    /// Logical replication enabled.
    Logical,
}

impl WalLevel {
    fn text(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Logical => "logical",
        }
    }
}

/// A cluster and its process.
#[derive(Debug)]
pub(crate) struct Cluster {
    installation: Installation,
    user: RunAs,
    data: PathBuf,
    /// Data of this cluster as they were once: its past begins there. A root branch's are those of the seed.
    base: PathBuf,
    /// All WAL since then.
    wal: PathBuf,
    log: PathBuf,
    socket: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Cluster {
    /// A new cluster from the seed.
    pub(crate) fn from_seed(lab: &Lab, installation: Installation) -> Result<Self> {
        let folder = lab.cluster_folder()?;
        copy::tree(&installation.seed, &folder.join("data"), lab.user, false)
            .with_context(|| format!("copying the seed of Postgres {}", installation.major))?;
        Self::in_folder(lab, installation, &folder)
    }

    /// A copy of this one, which runs if `client` is connected to it.
    pub(crate) async fn copy(&self, lab: &Lab, client: Option<&Client>) -> Result<Self> {
        let folder = lab.cluster_folder()?;
        let data = folder.join("data");
        match client {
            Some(client) => copy::running(client, self.installation.major, &self.data, &data, lab.user).await,
            None => copy::stopped(&self.data, &data, lab.user, true).await,
        }
        .context("copying the data")?;
        Self::in_folder(lab, self.installation.clone(), &folder)
    }

    /// Writes the settings of the cluster whose data is in `folder`.
    fn in_folder(lab: &Lab, installation: Installation, folder: &Path) -> Result<Self> {
        let user = lab.user;
        let data = folder.join("data");
        let (socket, wal) = (folder.join("socket"), folder.join("wal"));
        user.make_folder(&socket)?;
        user.make_folder(&wal)?;
        let log = folder.join("postgres.log");
        closed_file(&log)?; // statements with passwords may be in it
        let base = installation.seed.clone();
        let cluster = Self { installation, user, data, base, wal, log, socket: socket.clone(), port: 0, child: None };
        let mut settings = settings(&lab.certificates, &socket);
        for line in &lab.settings {
            settings.push_str(line);
            settings.push('\n');
        }
        cluster.write("stand-in.conf", &settings)?;
        cluster.write("postgresql.conf", CONFIGURATION)?;
        cluster.write("pg_hba.conf", ACCESS)?;
        Ok(cluster)
    }

    /// A cluster with the data of a moment of this one's past; `client` is connected to this one. It recovers them at its
    /// first start, which should be its only one until [`Self::begin_past`].
    pub(crate) async fn at(&self, lab: &Lab, client: &Client, moment: Moment) -> Result<Self> {
        history::hand_over(client, &self.wal).await?;
        let folder = lab.cluster_folder()?;
        copy::stopped(&self.base, &folder.join("data"), lab.user, false).await.context("copying the base")?;
        let cluster = Self::in_folder(lab, self.installation.clone(), &folder)?;
        if let Ok(label) = fs::read_to_string(self.base.join(LABEL)) {
            cluster.write(LABEL, &label)?;
        }
        let number = self.wal.parent().and_then(Path::file_name).context("a folder")?.to_string_lossy();
        let settings = moment.recovery(&format!("../../{number}/wal"));
        cluster.write("postgresql.conf", &format!("{CONFIGURATION}{settings}"))?;
        cluster.write("recovery.signal", "")?;
        Ok(cluster)
    }

    /// Lets its past begin here, while it is stopped.
    pub(crate) async fn begin_past(&mut self) -> Result<()> {
        self.write("postgresql.conf", CONFIGURATION)?;
        self.base = self.data.with_file_name("base");
        copy::stopped(&self.data, &self.base, self.user, false).await.context("copying the base")
    }

    /// Lets its past begin now if it takes more than `most` bytes; `client` is connected to it. True: it does.
    pub(crate) async fn shorten_past(&mut self, client: &Client, most: u64) -> Result<bool> {
        if history::size(&self.wal) <= most {
            return Ok(false);
        }
        let base = self.data.with_file_name(if self.base.ends_with("base") { "other-base" } else { "base" });
        copy::running(client, self.installation.major, &self.data, &base, self.user).await?;
        let label = fs::read_to_string(base.join(LABEL))?;
        fs::remove_dir_all(base.join("pg_wal"))?;
        self.user.make_folder(&base.join("pg_wal"))?;
        let before = std::mem::replace(&mut self.base, base);
        if before != self.installation.seed {
            fs::remove_dir_all(before)?;
        }
        history::forget_before(&self.wal, &label)?;
        Ok(true)
    }

    /// Where it was stopped.
    pub(crate) fn stopped_at(&self) -> Result<PgLsn> {
        history::last_checkpoint(&self.data)
    }

    /// Where it left the past that it was recovered from.
    pub(crate) fn left_at(&self) -> Option<PgLsn> {
        history::left_at(&self.data)
    }

    /// The same cluster, stopped, without its slots and its port.
    pub(crate) fn without_slots(&self) -> Result<Self> {
        let slots = self.data.join("pg_replslot");
        for slot in fs::read_dir(&slots)? {
            fs::remove_dir_all(slot?.path())?;
        }
        Ok(Self {
            installation: self.installation.clone(),
            user: self.user,
            data: self.data.clone(),
            base: self.base.clone(),
            wal: self.wal.clone(),
            log: self.log.clone(),
            socket: self.socket.clone(),
            port: 0,
            child: None,
        })
    }

    /// Makes it a standby of the server behind that socket and port.
    pub(crate) fn follow(&self, socket: &Path, port: u16) -> Result<()> {
        // Neon's computes have such a connection too, by this name; monitoring leaves it out.
        let host = socket.display().to_string().replace('\\', r"\\").replace('\'', r"\'");
        let connection = format!("host='{host}' port={port} user=cloud_admin application_name=walproposer");
        let line = format!("{CONFIGURATION}primary_conninfo = {}\n", quoted(&connection));
        self.write("postgresql.conf", &line)?;
        self.write("standby.signal", "")
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.data.join(name);
        fs::write(&path, text)?;
        self.user.own(&path)
    }

    /// Whether its server runs.
    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// Writes a file beside the log that nobody else can read, and says where.
    pub(crate) fn write_closed(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.log.with_file_name(name);
        let _ = fs::remove_file(&path); // one of a cluster that this one continues
        writeln!(closed_file(&path)?, "{text}")?;
        Ok(path)
    }

    /// Loopback port of the server itself; 0 before the first start.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Takes this port instead of a free one.
    pub(crate) fn use_port(&mut self, port: u16) {
        self.port = port;
    }

    /// Folder of the server's socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The server's log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Process id of the postmaster while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Starts the server and waits until it takes connections. Does nothing when it runs.
    pub(crate) async fn start(&mut self, wal_level: WalLevel) -> Result<()> {
        self.start_with(wal_level, &[]).await
    }

    /// The same with further settings (`name=value`), for this time only.
    pub(crate) async fn start_with(&mut self, wal_level: WalLevel, settings: &[&str]) -> Result<()> {
        if let Some(child) = &mut self.child
            && child.try_wait()?.is_none()
        {
            return Ok(());
        }
        // The port is chosen at the first start and kept; until then another one may be tried.
        let first = self.port == 0;
        for attempt in 1..=START_ATTEMPTS {
            if first {
                self.port = free_port()?;
            }
            self.spawn(wal_level, settings)?;
            match self.wait_until_up().await {
                Ok(()) => return Ok(()),
                Err(error) if attempt == START_ATTEMPTS => return Err(error),
                // The port was taken meanwhile, or backends of a killed server still hold its memory.
                Err(error) => tracing::warn!("{error:#}; trying again"),
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    fn spawn(&mut self, wal_level: WalLevel, settings: &[&str]) -> Result<()> {
        let log = File::options().append(true).open(&self.log)?;
        let mut command =
            process::command(&self.installation.program("postgres"), &self.installation.libraries(), self.user);
        command
            .arg("-D")
            .arg(&self.data)
            .arg("-c")
            .arg(format!("port={}", self.port))
            .arg("-c")
            .arg(format!("wal_level={}", wal_level.text()))
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn().context("starting postgres")?;
        self.child = Some(child);
        Ok(())
    }

    async fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        let status_file = self.data.join("postmaster.pid");
        loop {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                self.child = None;
                bail!("postgres ended with {status}: {}", self.end_of_log());
            }
            let status = fs::read_to_string(&status_file).unwrap_or_default();
            if self.pid().is_some_and(|pid| says_ready(&status, pid)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("postgres does not take connections: {}", self.end_of_log());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the server: connections end with 57P01. Does nothing when it does not run.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.end(&[(Signal::SIGINT, FAST_SHUTDOWN), (Signal::SIGQUIT, FAST_SHUTDOWN), (Signal::SIGKILL, START)]).await
    }

    /// Ends the server at once, by an immediate shutdown: sessions end where they are, the next start recovers.
    pub(crate) async fn crash(&mut self) -> Result<()> {
        self.end(&[(Signal::SIGQUIT, FAST_SHUTDOWN), (Signal::SIGKILL, START)]).await
    }

    /// Ends the server by SIGKILL: its sessions notice that it is gone and end, the next start recovers.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.end(&[(Signal::SIGKILL, START)]).await
    }

    async fn end(&mut self, signals: &[(Signal, Duration)]) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let Some(pid) = child.id() else {
            return Ok(()); // ended by itself and reaped
        };
        let pid = Pid::from_raw(i32::try_from(pid)?);
        for &(signal, patience) in signals {
            if kill(pid, signal).is_err() || timeout(patience, child.wait()).await.is_ok() {
                break;
            }
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

/// Where a base backup says where its recovery begins.
const LABEL: &str = "backup_label";

/// `postgresql.conf` itself.
const CONFIGURATION: &str = "include 'stand-in.conf'\n";

/// What Neon's computes set (`max_*` = 10, `wal_sender_timeout` 10 s, …), and what makes a throw-away server quick.
fn settings(certificates: &Certificates, socket: &Path) -> String {
    format!(
        "{}\
         listen_addresses = '127.0.0.1'\n\
         unix_socket_directories = {}\n\
         unix_socket_permissions = 0700\n\
         ssl = on\n\
         ssl_cert_file = {}\n\
         ssl_key_file = {}\n\
         max_wal_senders = 10\n\
         max_replication_slots = 10\n\
         output_plugin_libraries = 'pgoutput, test_decoding, wal2json'\n\
         wal_sender_timeout = 10s\n\
         wal_keep_size = 0\n\
         password_encryption = 'scram-sha-256'\n\
         idle_in_transaction_session_timeout = 300000\n\
         superuser_reserved_connections = 7\n\
         max_connections = 112\n\
         shared_buffers = 16MB\n\
         dynamic_shared_memory_type = mmap\n\
         max_wal_size = 256MB\n\
         fsync = off\n\
         full_page_writes = off\n\
         timezone = 'GMT'\n\
         log_timezone = 'GMT'\n\
         log_line_prefix = '%m [%p] %q%u@%d '\n",
        history::SETTINGS,
        quoted(&super::admin::identifier(&socket.display().to_string())), // an element of a list
        quoted(&certificates.certificate.display().to_string()),
        quoted(&certificates.key.display().to_string())
    )
}

/// A text as a configuration file takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// TLS and a password for everyone; the superuser may come without TLS, for tests that look from outside.
/// The socket's folder is closed to all but the server's user and root: that is us, without the cost of SCRAM.
const ACCESS: &str = "\
local   all         cloud_admin                trust
local   replication cloud_admin                trust
host    all         cloud_admin  127.0.0.1/32  scram-sha-256
host    replication cloud_admin  127.0.0.1/32  scram-sha-256
hostssl all         all          127.0.0.1/32  scram-sha-256
hostssl replication all          127.0.0.1/32  scram-sha-256
";

/// What `postmaster.pid` says: the process on line 1, its state on line 8.
fn says_ready(status: &str, pid: u32) -> bool {
    let mut lines = status.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}

fn closed_file(path: &Path) -> Result<File> {
    let made = File::options().write(true).create_new(true).mode(0o600).open(path);
    made.with_context(|| format!("making {}", path.display()))
}

fn free_port() -> Result<u16> {
    let mut random = rand::rng();
    for _ in 0..200 {
        let port = random.random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_those_of_a_compute() {
        let certificates = Certificates {
            authority: "/run/ca.pem".into(),
            certificate: "/run/server.pem".into(),
            key: "/run/server.key".into(),
        };
        let text = settings(&certificates, Path::new("/run/socket"));
        for line in [
            "max_replication_slots = 10",
            "max_wal_senders = 10",
            "wal_sender_timeout = 10s",
            "ssl_key_file = '/run/server.key'",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("wal_level"), "wal_level comes from the command line");
    }

    #[test]
    fn a_folder_may_have_an_odd_name() {
        assert_eq!(quoted(r"/tmp/a b'c\d"), r"'/tmp/a b''c\\d'");
    }

    #[test]
    fn only_the_superuser_may_come_without_tls() {
        for line in ACCESS.lines().filter(|line| line.starts_with("host ")) {
            assert!(line.contains("cloud_admin"), "{line}");
        }
    }

    #[test]
    fn a_file_left_by_another_process_is_not_ready() {
        let status = "7\n/data\n1\n20001\n\n127.0.0.1\n 1 2\nready   \n";
        assert!(says_ready(status, 7));
        assert!(!says_ready(status, 8));
        assert!(!says_ready(&status.replace("ready   ", "starting"), 7));
    }
}
