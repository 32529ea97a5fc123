//! The way into a database: Neon's API says who owns it, where it is and what the password is; the pool connects.
//!
//! With any kind of key: branches (if none is named) → the database, for its owner → that role's connection URI on the
//! direct host → connect. Reads and checks always log in as the owner, so that one database has one session and one
//! snapshot; `connect_as` is for writes.

mod error;
mod natural_keys;
mod place;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use error::{Container, Error};
pub use natural_keys::NaturalKey;
pub use place::{Location, Place};

use crate::neon::{self, BranchId, Budget, ConnectionUri, ProjectId};
use crate::postgres::{self, Address, DatabaseName, Pool, PoolSettings, RoleName, Roots, Tls, Usage};
use crate::secret::Secret;
use natural_keys::NaturalKeys;
use snapshots::Snapshots;

/// What a session is made of.
#[derive(Debug)]
pub struct Settings {
    /// For Neon's API.
    pub api_key: Secret,
    /// Where the API is, with its `/api/v2`.
    pub api_url: String,
    /// A PEM file to trust instead of the system's roots, for Postgres.
    pub sslrootcert: Option<String>,
    /// Connections to Postgres, in all.
    pub max_connections: u32,
    /// For one connection, with the time in which a compute wakes.
    pub connect_timeout: Duration,
    /// For the user agent.
    pub terraform_version: String,
    /// For the user agent.
    pub user_agent_suffix: Option<String>,
}

/// Neon's API and the databases behind it. Clones share everything.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    neon: neon::Client,
    pool: Pool,
    tls: Tls,
    root_certificates: Option<String>,
    snapshots: Snapshots,
    unreachable: Mutex<BTreeMap<Place, Error>>,
    natural_keys: NaturalKeys,
    writing: AtomicBool,
    to_be_enabled: Mutex<BTreeSet<ProjectId>>,
}

/// Settings that cannot work; the sentences have no final period.
#[derive(Debug, thiserror::Error)]
pub enum WrongSettings {
    /// The API's URL or the key.
    #[error("{0}")]
    Neon(#[from] neon::Error),
    /// The file of root certificates.
    #[error("{0}")]
    RootCertificates(String),
}

impl Session {
    /// Checks the settings. Nothing is sent.
    pub fn new(settings: Settings) -> Result<Self, WrongSettings> {
        let neon = neon::Client::new(&neon::Settings {
            base_url: settings.api_url,
            api_key: settings.api_key,
            terraform_version: Some(settings.terraform_version),
            user_agent_suffix: settings.user_agent_suffix,
        })?;
        let (roots, root_certificates) = match settings.sslrootcert {
            None => (Roots::System, None),
            Some(path) => {
                let roots =
                    Roots::read(&path).map_err(|error| WrongSettings::RootCertificates(error.message().to_owned()))?;
                let pem = roots.pem();
                (roots, pem)
            }
        };
        let pool = Pool::new(PoolSettings {
            max_connections: usize::try_from(settings.max_connections).unwrap_or(1),
            connect_timeout: settings.connect_timeout,
            ..PoolSettings::default()
        });
        Ok(Self(Arc::new(Inner {
            neon,
            pool,
            tls: Tls::VerifyFull(roots),
            root_certificates,
            snapshots: Snapshots::default(),
            unreachable: Mutex::default(),
            natural_keys: NaturalKeys::default(),
            writing: AtomicBool::new(false),
            to_be_enabled: Mutex::default(),
        })))
    }

    /// Neon's API.
    pub fn neon(&self) -> &neon::Client {
        &self.0.neon
    }

    /// The PEM text that is trusted instead of the system's roots.
    pub fn root_certificates(&self) -> Option<&str> {
        self.0.root_certificates.as_deref()
    }

    /// The place that a location comes to; only a default branch is asked for.
    pub async fn place(&self, location: &Location, budget: &Budget) -> Result<Place, Error> {
        let branch = self.branch(&location.project, location.branch.as_ref(), budget).await?;
        Ok(Place { project: location.project.clone(), branch, database: location.database.clone() })
    }

    /// The named branch, not looked at, or the project's default one.
    pub async fn branch(
        &self,
        project: &ProjectId,
        branch: Option<&BranchId>,
        budget: &Budget,
    ) -> Result<BranchId, Error> {
        match branch {
            Some(branch) => Ok(branch.clone()),
            None => match self.0.neon.shared().default_branch(project, budget).await {
                Ok(branch) => Ok(branch.id.clone()),
                Err(error) if error.is_not_found() => {
                    Err(Error::ProjectNotFound { project: project.clone(), source: error })
                }
                Err(error) => Err(error.into()),
            },
        }
    }

    /// The role that owns a database. Its absence is told apart from that of its branch and of its project.
    pub async fn owner(&self, place: &Place, budget: &Budget) -> Result<RoleName, Error> {
        let found = self.0.neon.shared().database(&place.project, &place.branch, place.database.as_str(), budget).await;
        match found {
            Ok(database) => role_name(&database.owner_name),
            Err(error) if error.is_not_found() => Err(self.what_is_absent(place, error, budget).await),
            Err(error) => Err(error.into()),
        }
    }

    /// Host and port of a database on its direct endpoint, by its owner's URI, so that an absent role does no harm.
    pub async fn host(&self, place: &Place, budget: &Budget) -> Result<(String, u16), Error> {
        let owner = self.owner(place, budget).await?;
        let uri = self.connection_uri(place, &owner, budget).await?;
        Ok((uri.host.clone(), uri.port))
    }

    /// A session as the database's owner, for reads and checks.
    pub async fn connect(&self, place: &Place, budget: &Budget, purpose: &str) -> Result<postgres::Session, Error> {
        let address = self.address(place, None, budget).await?;
        self.open(&address, place, budget, purpose, Usage::Read).await
    }

    /// A session for writes, as the given role or the database's owner. Drops what reads share of the place, and from
    /// here on reads of this process look things up one by one.
    pub async fn connect_to_write(
        &self,
        place: &Place,
        role: Option<&RoleName>,
        budget: &Budget,
        purpose: &str,
    ) -> Result<postgres::Session, Error> {
        self.wrote(place);
        let address = self.address(place, role, budget).await?;
        self.open(&address, place, budget, purpose, Usage::Write).await
    }

    /// Like [`connect_to_write`](Self::connect_to_write), beside the session that others share when one is free: for
    /// work that waits long, such as making a slot.
    pub async fn connect_apart(
        &self,
        place: &Place,
        role: Option<&RoleName>,
        budget: &Budget,
        purpose: &str,
    ) -> Result<postgres::Session, Error> {
        self.wrote(place);
        let address = self.address(place, role, budget).await?;
        self.open(&address, place, budget, purpose, Usage::Patient).await
    }

    /// Drops what reads share of a place: call after each write too, for a load may have begun before it.
    pub fn wrote(&self, place: &Place) {
        self.0.writing.store(true, Ordering::Relaxed);
        self.0.snapshots.forget(place);
    }

    /// The same for all of a project: a setting of it was changed, and its computes restart.
    pub fn wrote_project(&self, project: &ProjectId) {
        self.0.writing.store(true, Ordering::Relaxed);
        self.0.snapshots.forget_project(project);
        self.unreachable().retain(|place, _| &place.project != project);
    }

    /// Notes that this run is going to enable logical replication of a project.
    pub fn remember_to_be_enabled(&self, project: &ProjectId) {
        self.to_be_enabled().insert(project.clone());
    }

    /// Whether this run is going to enable logical replication of a project, as far as it is planned already: what
    /// takes `project_id` from that resource's `id` is planned after it.
    pub fn is_to_be_enabled(&self, project: &ProjectId) -> bool {
        self.to_be_enabled().contains(project)
    }

    /// Whether a branch is gone: it is absent and its project answers.
    pub async fn branch_is_gone(&self, project: &ProjectId, branch: &BranchId, budget: &Budget) -> Result<bool, Error> {
        match self.0.neon.get_branch(project, branch, budget).await {
            Ok(_) => return Ok(false),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        match self.0.neon.get_project(project, budget).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => {
                Err(Error::ProjectNotFound { project: project.clone(), source: error })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this process has written: it applies, so reads look things up by name instead of loading all of a
    /// family for each of many creates.
    fn is_writing(&self) -> bool {
        self.0.writing.load(Ordering::Relaxed)
    }

    /// Objects that this process made or took over.
    pub fn natural_keys(&self) -> &NaturalKeys {
        &self.0.natural_keys
    }

    async fn address(&self, place: &Place, role: Option<&RoleName>, budget: &Budget) -> Result<Address, Error> {
        let role = match role {
            Some(role) => role.clone(),
            None => self.owner(place, budget).await?,
        };
        let uri = self.connection_uri(place, &role, budget).await?;
        let Some(password) = &uri.password else {
            return Err(Error::NoPassword { role: role.to_string() });
        };
        Ok(Address {
            host: uri.host.clone(),
            port: uri.port,
            database: place.database.clone(),
            user: role,
            password: Some(password.clone()),
            tls: self.0.tls.clone(),
        })
    }

    async fn connection_uri(
        &self,
        place: &Place,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Arc<ConnectionUri>, Error> {
        let shared = self.0.neon.shared();
        let uri = shared
            .connection_uri(&place.project, &place.branch, place.database.as_str(), role.as_str(), budget)
            .await
            .map_err(|error| match error.kind() {
                neon::Kind::PasswordsNotStored => Error::NoPassword { role: role.to_string() },
                _ => error.into(),
            })?;
        if neon::is_pooler_host(&uri.host) {
            return Err(Error::PooledHost { host: uri.host.clone() });
        }
        Ok(uri)
    }

    async fn open(
        &self,
        address: &Address,
        place: &Place,
        budget: &Budget,
        purpose: &str,
        usage: Usage,
    ) -> Result<postgres::Session, Error> {
        let opening = self.0.pool.open(address, budget.deadline(), purpose, usage);
        match budget.run(opening).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                // A password that was changed outside since it was read.
                if error.kind() == postgres::Kind::AuthFailed {
                    self.0.neon.forget(&place.project);
                }
                Err(error.into())
            }
            Err(_) => {
                let message = format!("interrupted while connecting for {purpose}");
                Err(postgres::Error::new(postgres::Kind::Timeout, message).into())
            }
        }
    }

    /// Which container of an absent database is absent too: a 404 of the API says less than it seems to.
    async fn what_is_absent(&self, place: &Place, error: neon::Error, budget: &Budget) -> Error {
        match self.0.neon.get_branch(&place.project, &place.branch, budget).await {
            Ok(_) => Error::Gone { container: Container::Database, what: place.to_string() },
            Err(branch) if branch.is_not_found() => match self.0.neon.get_project(&place.project, budget).await {
                Ok(_) => Error::branch_gone(&place.project, &place.branch),
                Err(project) if project.is_not_found() => {
                    Error::ProjectNotFound { project: place.project.clone(), source: project }
                }
                Err(other) => other.into(),
            },
            Err(_) => error.into(),
        }
    }

    fn to_be_enabled(&self) -> MutexGuard<'_, BTreeSet<ProjectId>> {
        self.0.to_be_enabled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreachable(&self) -> MutexGuard<'_, BTreeMap<Place, Error>> {
        self.0.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn role_name(text: &str) -> Result<RoleName, Error> {
    RoleName::parse(text).map_err(|wrong| postgres::Error::new(postgres::Kind::InvalidName, wrong.to_string()).into())
}

/// A database's name as the API gives it.
pub fn database_name(text: &str) -> Result<DatabaseName, Error> {
    DatabaseName::parse(text)
        .map_err(|wrong| postgres::Error::new(postgres::Kind::InvalidName, wrong.to_string()).into())
}
