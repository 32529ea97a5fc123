//! Where SQL runs, and the way in: a branch of a Neon project, or the server of the provider's `sql` block.
//!
//! Reads and checks log in as one role per database, so that a database has one connection and one snapshot: on Neon its
//! owner, else the user of the `sql` block. `connect_as` is for writes.
//!
//! [`neon`](self::neon) and [`direct`] alone know how to get in; everything else takes a [`Database`] whole.

mod addresses;
mod api_names;
mod beside;
mod branches;
mod changed;
mod database;
pub(crate) mod direct;
mod error;
mod few;
mod gathered;
mod ids;
mod known_marks;
mod memberships;
mod natural_keys;
mod neon;
mod readers;
mod renamed;
mod snapshots;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use api_names::database_name;
pub(crate) use database::{Branch, Database, DatabaseLocation, Server, ServerLocation};
pub(crate) use error::{Container, Error};
pub(crate) use ids::{
    GrantId, GrantImport, ObjectId, PublicationId, ReplicaIdentityId, RoleId, SignalTableId, SlotId, SubscriptionId,
};
pub(crate) use natural_keys::{NaturalKey, NaturalKeys};
pub(crate) use renamed::DatabaseKey;
pub(crate) use turns::TurnToGrant;

use crate::neon::{BranchId, Budget, Client, ProjectId};
use crate::postgres::{self, Address, Passwords, Pool, PoolSettings, RoleName, Roots, Tls, Usage};
use crate::secret::Secret;
use addresses::Addresses;
pub(crate) use addresses::{Instance, Other};
use branches::Branches;
use changed::Changed;
use gathered::Gathered;
use known_marks::KnownMarks;
use readers::Readers;
use renamed::Oids;
use snapshots::Snapshots;
use turns::Turns;

/// What the provider's configuration says of the way in.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) access: Access,
    /// A PEM file to trust instead of the system's roots, for Postgres.
    pub(crate) sslrootcert: Option<String>,
    /// Connections to Postgres, in all.
    pub(crate) max_connections: u32,
    /// For one connection, including the time in which a suspended compute starts.
    pub(crate) connect_timeout: Duration,
}

/// By Neon's API, or directly.
#[derive(Debug)]
pub(crate) enum Access {
    Neon { api: crate::neon::ApiSettings, role_passwords: BTreeMap<String, Secret> },
    Direct { server: direct::Entrance, sslmode: SslMode, passwords: Passwords },
}

/// libpq's `sslmode`, as far as the provider supports it (manual, 32.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    VerifyFull,
    Require,
    Disable,
}

impl SslMode {
    /// libpq's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::VerifyFull => "verify-full",
            Self::Require => "require",
            Self::Disable => "disable",
        }
    }
}

/// The servers behind one provider configuration. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    entrance: Entrance,
    pool: Pool,
    tls: Tls,
    root_certificates: Option<String>,
    root_certificates_file: Option<String>,
    snapshots: Snapshots,
    unreachable: Mutex<BTreeMap<Database, Error>>,
    natural_keys: NaturalKeys,
    readers: Readers,
    gathered: Gathered,
    addresses: Addresses,
    branches: Branches,
    changed: Changed,
    turns: Turns,
    oids: Oids,
    known_marks: KnownMarks,
    writing: AtomicBool,
    to_be_enabled: Mutex<BTreeSet<ProjectId>>,
}

#[derive(Debug)]
enum Entrance {
    Neon(neon::Entrance),
    Direct(direct::Entrance),
}

/// Settings that cannot work; the sentences have no final period.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongSettings {
    #[error("{0}")]
    Neon(#[from] crate::neon::Error),
    #[error("{0}")]
    RootCertificates(String),
}

impl Target {
    /// Checks the settings. Nothing is sent.
    pub(crate) fn new(settings: Settings) -> Result<Self, WrongSettings> {
        let root_certificates_file = settings.sslrootcert.clone();
        let roots = match settings.sslrootcert {
            None => Roots::System,
            Some(path) => {
                Roots::read(&path).map_err(|error| WrongSettings::RootCertificates(error.message().to_owned()))?
            }
        };
        let root_certificates = roots.pem();
        let (entrance, tls, passwords) = match settings.access {
            Access::Neon { api, role_passwords } => {
                let client = Client::new(&api)?;
                let entrance = Entrance::Neon(neon::Entrance { client, role_passwords });
                (entrance, Tls::VerifyFull(roots), Passwords::default())
            }
            Access::Direct { server, sslmode, passwords } => {
                let tls = match sslmode {
                    SslMode::VerifyFull => Tls::VerifyFull(roots),
                    SslMode::Require => Tls::Require,
                    SslMode::Disable => Tls::Disable,
                };
                (Entrance::Direct(server), tls, passwords)
            }
        };
        let pool = Pool::new(PoolSettings {
            max_connections: usize::try_from(settings.max_connections).unwrap_or(1),
            connect_timeout: settings.connect_timeout,
            passwords,
        });
        Ok(Self(Arc::new(Inner {
            entrance,
            pool,
            tls,
            root_certificates,
            root_certificates_file,
            snapshots: Snapshots::default(),
            unreachable: Mutex::default(),
            natural_keys: NaturalKeys::default(),
            readers: Readers::default(),
            gathered: Gathered::default(),
            addresses: Addresses::default(),
            branches: Branches::default(),
            changed: Changed::default(),
            turns: Turns::default(),
            oids: Oids::default(),
            known_marks: KnownMarks::default(),
            writing: AtomicBool::new(false),
            to_be_enabled: Mutex::default(),
        })))
    }

    /// Neon's API; an error where the provider reaches a server directly.
    pub(crate) fn neon(&self) -> Result<&Client, Error> {
        self.neon_entrance().map(|it| &it.client)
    }

    fn neon_entrance(&self) -> Result<&neon::Entrance, Error> {
        match &self.0.entrance {
            Entrance::Neon(entrance) => Ok(entrance),
            Entrance::Direct(_) => Err(Error::NotNeon),
        }
    }

    /// Whether the provider reaches one server directly, by its `sql` block.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.0.entrance, Entrance::Direct(_))
    }

    /// The PEM text that is trusted instead of the system's roots.
    pub(crate) fn root_certificates(&self) -> Option<&str> {
        self.0.root_certificates.as_deref()
    }

    /// How a consumer should connect.
    pub(crate) fn sslmode(&self) -> SslMode {
        match self.0.tls {
            Tls::VerifyFull(_) => SslMode::VerifyFull,
            Tls::Require => SslMode::Require,
            Tls::Disable => SslMode::Disable,
        }
    }

    /// The file that holds them.
    pub(crate) fn root_certificates_file(&self) -> Option<&str> {
        self.0.root_certificates_file.as_deref()
    }

    /// The server that a location resolves to; only a default branch is looked up.
    pub(crate) async fn server(&self, location: &ServerLocation, budget: &Budget) -> Result<Server, Error> {
        match location {
            ServerLocation::Direct => Ok(Server::Direct),
            ServerLocation::Neon { project, branch } => {
                let branch = self.neon_entrance()?.branch(project, branch.as_ref(), budget).await?;
                Ok(Server::neon(project.clone(), branch))
            }
        }
    }

    /// The database that a location resolves to; only a default branch is looked up.
    pub(crate) async fn database(&self, location: &DatabaseLocation, budget: &Budget) -> Result<Database, Error> {
        let server = self.server(&location.server, budget).await?;
        Ok(Database { server, name: location.name.clone() })
    }

    /// The named branch, not looked up, or the project's default one.
    pub(crate) async fn branch(
        &self,
        project: &ProjectId,
        branch: Option<&BranchId>,
        budget: &Budget,
    ) -> Result<BranchId, Error> {
        self.neon_entrance()?.branch(project, branch, budget).await
    }

    /// The role that logs in where no other is named: on Neon the owner of the database.
    pub(crate) async fn default_role(&self, database: &Database, budget: &Budget) -> Result<RoleName, Error> {
        match (&self.0.entrance, &database.server) {
            (Entrance::Neon(entrance), Server::Neon(branch)) => entrance.owner(branch, &database.name, budget).await,
            (Entrance::Direct(entrance), Server::Direct) => Ok(entrance.user.clone()),
            (Entrance::Neon(_), Server::Direct) => Err(Error::NotDirect),
            (Entrance::Direct(_), Server::Neon(_)) => Err(Error::NotNeon),
        }
    }

    /// Roles of a Neon project whose passwords the configuration gives.
    fn roles_with_passwords(&self) -> BTreeSet<RoleName> {
        match &self.0.entrance {
            Entrance::Neon(entrance) => {
                entrance.role_passwords.keys().filter_map(|role| RoleName::parse(role).ok()).collect()
            }
            Entrance::Direct(_) => BTreeSet::new(),
        }
    }

    /// Direct host and port of a database. On Neon by its owner, so that an absent role does no harm.
    pub(crate) async fn host(&self, database: &Database, budget: &Budget) -> Result<(String, u16), Error> {
        match (&self.0.entrance, &database.server) {
            (Entrance::Neon(entrance), Server::Neon(branch)) => {
                let owner = entrance.owner(branch, &database.name, budget).await?;
                entrance.host(branch, &database.name, &owner, budget).await
            }
            (Entrance::Direct(entrance), Server::Direct) => Ok((entrance.host.clone(), entrance.port)),
            (Entrance::Neon(_), Server::Direct) => Err(Error::NotDirect),
            (Entrance::Direct(_), Server::Neon(_)) => Err(Error::NotNeon),
        }
    }

    /// The password that a role logs in with.
    pub(crate) async fn password(
        &self,
        server: &Server,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Option<Secret>, Error> {
        match (&self.0.entrance, server) {
            (Entrance::Neon(entrance), Server::Neon(branch)) => {
                if let Some(given) = entrance.role_passwords.get(role.as_str()) {
                    return Ok(Some(given.clone()));
                }
                let revealed = entrance.client.reveal_password(&branch.project, &branch.id, role.as_str(), budget);
                Ok(Some(revealed.await?))
            }
            (Entrance::Direct(entrance), Server::Direct) => entrance.password(role),
            (Entrance::Neon(_), Server::Direct) => Err(Error::NotDirect),
            (Entrance::Direct(_), Server::Neon(_)) => Err(Error::NotNeon),
        }
    }

    /// A session for writes, as the given role or the default one. Drops what reads share of the server, and from here
    /// on reads of this process look things up one by one.
    pub(crate) async fn connect_to_write(
        &self,
        database: &Database,
        role: Option<&RoleName>,
        budget: &Budget,
        purpose: &str,
        usage: Usage,
    ) -> Result<postgres::Session, Error> {
        self.wrote(&database.server);
        let address = self.address(database, role, budget).await?;
        self.open(&address, database, budget, purpose, usage).await
    }

    /// The same as the role itself, also with a password that the API does not show again.
    pub(crate) async fn connect_as_itself(
        &self,
        database: &Database,
        role: &RoleName,
        password: Option<&Secret>,
        budget: &Budget,
        purpose: &str,
    ) -> Result<postgres::Session, Error> {
        let Some(password) = password else {
            return self.connect_to_write(database, Some(role), budget, purpose, Usage::Write).await;
        };
        self.wrote(&database.server);
        let (host, port) = self.host(database, budget).await?;
        let (name, changes) = (database.name.clone(), self.0.changed.of(&database.server));
        let (user, password, tls) = (role.clone(), Some(password.clone()), self.0.tls.clone());
        let address = Address { host, port, database: name, user, password, tls, changes };
        self.open(&address, database, budget, purpose, Usage::Write).await
    }

    /// Whether a new connection to the database can be opened now, as its default role.
    pub(crate) async fn try_to_connect(
        &self,
        database: &Database,
        budget: &Budget,
        purpose: &str,
    ) -> Result<(), Error> {
        let address = self.address(database, None, budget).await?;
        let done = budget.run(self.0.pool.try_to_connect(&address, budget.deadline(), purpose)).await;
        Ok(done.map_err(|ended| Error::ended(ended, &format!("connecting for {purpose}")))??)
    }

    /// Drops what reads share of a server: call after each write too, for a load may have begun before it.
    pub(crate) fn wrote(&self, server: &Server) {
        self.0.writing.store(true, Ordering::Relaxed);
        self.0.snapshots.forget(server);
    }

    /// The same for all of a project: a setting of it was changed, and its computes restart.
    pub(crate) fn wrote_project(&self, project: &ProjectId) {
        self.0.writing.store(true, Ordering::Relaxed);
        self.0.snapshots.forget_project(project);
        self.unreachable().retain(|database, _| database.server.project_id() != Some(project));
    }

    /// Notes that this run is going to enable logical replication of a project.
    pub(crate) fn remember_to_be_enabled(&self, project: &ProjectId) {
        self.to_be_enabled().insert(project.clone());
    }

    /// Whether this run is going to enable logical replication of the server's project, as far as it is planned already:
    /// what takes `project_id` from that resource's `id` is planned after it.
    pub(crate) fn is_to_be_enabled(&self, server: &Server) -> bool {
        server.project_id().is_some_and(|project| self.to_be_enabled().contains(project))
    }

    /// Whether this process has written: it applies, so reads look things up by name instead of loading all of a
    /// family for each of many creates.
    fn is_writing(&self) -> bool {
        self.0.writing.load(Ordering::Relaxed)
    }

    /// Objects that this process created or adopted.
    pub(crate) fn natural_keys(&self) -> &NaturalKeys {
        &self.0.natural_keys
    }

    /// Which instances of one object this process has seen.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Marks in comments of publications that are ours.
    pub(crate) fn known_marks(&self) -> &KnownMarks {
        &self.0.known_marks
    }

    /// The branches that objects stay on.
    pub(crate) fn branches(&self) -> &Branches {
        &self.0.branches
    }

    fn turns(&self) -> &Turns {
        &self.0.turns
    }

    async fn address(&self, database: &Database, role: Option<&RoleName>, budget: &Budget) -> Result<Address, Error> {
        let user = match role {
            Some(role) => role.clone(),
            None => self.default_role(database, budget).await?,
        };
        let (host, port, password) = match (&self.0.entrance, &database.server) {
            (Entrance::Neon(entrance), Server::Neon(branch)) => {
                let login = entrance.login(branch, &database.name, &user, budget).await?;
                (login.host, login.port, Some(login.password))
            }
            (Entrance::Direct(entrance), Server::Direct) => {
                (entrance.host.clone(), entrance.port, entrance.password(&user)?)
            }
            (Entrance::Neon(_), Server::Direct) => return Err(Error::NotDirect),
            (Entrance::Direct(_), Server::Neon(_)) => return Err(Error::NotNeon),
        };
        let (name, changes) = (database.name.clone(), self.0.changed.of(&database.server));
        Ok(Address { host, port, database: name, user, password, tls: self.0.tls.clone(), changes })
    }

    async fn open(
        &self,
        address: &Address,
        database: &Database,
        budget: &Budget,
        purpose: &str,
        usage: Usage,
    ) -> Result<postgres::Session, Error> {
        let opening = self.0.pool.open(address, budget.deadline(), purpose, usage);
        match budget.run(opening).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                // A password that was changed outside since it was read.
                if let (postgres::Kind::AuthFailed, Ok(neon), Some(project)) =
                    (error.kind(), self.neon(), database.server.project_id())
                {
                    neon.forget(project);
                }
                if error.kind() == postgres::Kind::AuthFailed && self.is_direct() {
                    return Err(Error::LoginRejected { role: address.user.to_string(), source: error });
                }
                if error.kind() == postgres::Kind::UndefinedDatabase && self.is_direct() {
                    return Err(Error::database_gone(database, Vec::new()));
                }
                Err(error.into())
            }
            Err(ended) => Err(Error::ended(ended, &format!("connecting for {purpose}"))),
        }
    }

    fn to_be_enabled(&self) -> MutexGuard<'_, BTreeSet<ProjectId>> {
        self.0.to_be_enabled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreachable(&self) -> MutexGuard<'_, BTreeMap<Database, Error>> {
        self.0.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
