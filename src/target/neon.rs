//! The way into a database of a Neon project: the API names its owner, its direct host and the password.
//!
//! With any kind of key: branches (if none is named) → the database, for its owner → that role's connection URI on the
//! direct host → connect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::database::{Branch, Database, Server};
use super::error::Error;
use super::{Target, api_names};
use crate::neon::{self, ApiDatabase, ApiRole, BranchId, Budget, ConnectionUri, Endpoint, Project, ProjectId};
use crate::postgres::{DatabaseName, RoleName};
use crate::secret::Secret;

/// Neon's API, and passwords that it does not have.
#[derive(Debug)]
pub(super) struct Entrance {
    pub(super) client: neon::Client,
    pub(super) role_passwords: BTreeMap<String, Secret>,
}

/// Where to connect, and with what.
pub(super) struct Login {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) password: Secret,
}

impl Entrance {
    /// The named branch, not looked up, or the project's default one.
    pub(super) async fn branch(
        &self,
        project: &ProjectId,
        branch: Option<&BranchId>,
        budget: &Budget,
    ) -> Result<BranchId, Error> {
        match branch {
            Some(branch) => Ok(branch.clone()),
            None => match self.client.shared().default_branch(project, budget).await {
                Ok(branch) => Ok(branch.id.clone()),
                Err(error) => Err(Error::of_project(project, error)),
            },
        }
    }

    /// The role that owns a database. A missing database is told apart from a missing branch and a missing project.
    pub(super) async fn owner(&self, branch: &Branch, name: &DatabaseName, budget: &Budget) -> Result<RoleName, Error> {
        api_names::role_name(&self.database(branch, name, budget).await?.owner_name)
    }

    /// The number that a database keeps when it is renamed. Errors as for [`owner`](Self::owner).
    pub(super) async fn database_id(
        &self,
        branch: &Branch,
        name: &DatabaseName,
        budget: &Budget,
    ) -> Result<i64, Error> {
        Ok(self.database(branch, name, budget).await?.id)
    }

    async fn database(&self, branch: &Branch, name: &DatabaseName, budget: &Budget) -> Result<Arc<ApiDatabase>, Error> {
        let found = self.client.shared().database(&branch.project, &branch.id, name.as_str(), budget).await;
        match found {
            Ok(database) => Ok(database),
            Err(error) if error.is_not_found() => Err(self.what_is_absent(branch, name, error, budget).await),
            Err(error) => Err(error.into()),
        }
    }

    /// How a role logs in. A password of the configuration wins over the API's: it is there where the API has none.
    pub(super) async fn login(
        &self,
        branch: &Branch,
        database: &DatabaseName,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Login, Error> {
        let Some(given) = self.role_passwords.get(role.as_str()) else {
            let uri = self.connection_uri(branch, database, role, budget).await?;
            let Some(password) = &uri.password else {
                return Err(Error::NoPassword {
                    role: role.to_string(),
                    why: self.why_no_password(branch, budget).await,
                });
            };
            return Ok(Login { host: uri.host.clone(), port: uri.port, password: password.clone() });
        };
        let (host, port) = self.host(branch, database, role, budget).await?;
        Ok(Login { host, port, password: given.clone() })
    }

    /// Why the API names no password in a connection URI: it does not say so itself.
    async fn why_no_password(&self, branch: &Branch, budget: &Budget) -> String {
        let stored = self.client.shared().project(&branch.project, budget).await.map(|it| it.stores_passwords());
        match stored {
            Ok(false) => "the project does not store passwords".to_owned(),
            Ok(true) => "the Neon API has none, because the role was created with SQL or may not log in".to_owned(),
            Err(_) => "the Neon API gives none".to_owned(),
        }
    }

    /// Direct host and port, for a role that is known to be there.
    pub(super) async fn host(
        &self,
        branch: &Branch,
        database: &DatabaseName,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<(String, u16), Error> {
        match self.connection_uri(branch, database, role, budget).await {
            Ok(uri) => Ok((uri.host.clone(), uri.port)),
            // The API has no password to put into a URI; the endpoint names the host just as well.
            Err(error @ (Error::NoPassword { .. } | Error::Neon(_))) if error.says_no_password() => {
                match self.client.read_write_endpoint(&branch.project, &branch.id, budget).await? {
                    Some(endpoint) => Ok((endpoint.host.clone(), 5432)),
                    None => Err(Error::no_compute(branch)),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn connection_uri(
        &self,
        branch: &Branch,
        database: &DatabaseName,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Arc<ConnectionUri>, Error> {
        let shared = self.client.shared();
        let found = shared.connection_uri(&branch.project, &branch.id, database.as_str(), role.as_str(), budget).await;
        let uri = match found {
            Ok(uri) => uri,
            Err(error) if error.kind() == neon::Kind::PasswordsNotStored => {
                return Err(Error::NoPassword { role: role.to_string(), why: error.to_string() });
            }
            Err(error) if error.is_not_found() => return Err(self.without_compute(branch, error, budget).await),
            Err(error) => return Err(error.into()),
        };
        if neon::is_pooler_host(&uri.host) {
            return Err(Error::PooledHost { host: uri.host.clone() });
        }
        Ok(uri)
    }

    /// What a 404 for a connection URI means if the branch has no compute that could serve it: the API names neither.
    async fn without_compute(&self, branch: &Branch, error: neon::Error, budget: &Budget) -> Error {
        match self.client.list_endpoints(&branch.project, &branch.id, budget).await {
            Ok(endpoints) if endpoints.is_empty() => Error::NoCompute { what: format!("{branch} has no compute") },
            Ok(endpoints) if !endpoints.iter().any(Endpoint::is_read_write) => {
                Error::NoCompute { what: format!("{branch} has no read-write compute, only read replicas") }
            }
            _ => error.into(),
        }
    }

    /// Whether a branch is gone: it is absent and its project answers.
    pub(super) async fn branch_is_gone(&self, branch: &Branch, budget: &Budget) -> Result<bool, Error> {
        match self.client.get_branch(&branch.project, &branch.id, budget).await {
            Ok(_) => return Ok(false),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        match self.client.get_project(&branch.project, budget).await {
            Ok(_) => Ok(true),
            Err(error) => Err(Error::of_project(&branch.project, error)),
        }
    }

    /// What a 404 for an object of a branch means: a branch that is gone is told apart from the object, and from a
    /// project that the key does not see.
    pub(super) async fn absent_on(&self, branch: &Branch, error: neon::Error, budget: &Budget) -> Error {
        if !error.is_not_found() {
            return error.into();
        }
        match self.branch_is_gone(branch, budget).await {
            Ok(true) => Error::branch_gone(branch),
            Ok(false) => error.into(),
            Err(other) => other,
        }
    }

    /// Which container of an absent database is absent too: a 404 of the API says less than it seems to.
    async fn what_is_absent(&self, branch: &Branch, name: &DatabaseName, error: neon::Error, budget: &Budget) -> Error {
        match self.branch_is_gone(branch, budget).await {
            Ok(true) => Error::branch_gone(branch),
            Ok(false) => {
                let database = Database { server: Server::Neon(branch.clone()), name: name.clone() };
                let there = self.client.shared().all_databases(&branch.project, &branch.id, budget).await;
                let there = there.map(|all| all.iter().map(|it| it.name.clone()).collect());
                Error::database_gone(&database, there.unwrap_or_default())
            }
            Err(project @ Error::ProjectNotFound { .. }) => project,
            Err(_) => error.into(),
        }
    }
}

/// What the API says of a project and its branches, for resources that are not in a database.
impl Target {
    /// The project, out of the answers that reads share.
    pub(crate) async fn project(&self, project: &ProjectId, budget: &Budget) -> Result<Arc<Project>, Error> {
        let found = self.neon()?.shared().project(project, budget).await;
        found.map_err(|error| Error::of_project(project, error))
    }

    /// The project as it is at this moment.
    pub(crate) async fn project_now(&self, project: &ProjectId, budget: &Budget) -> Result<Project, Error> {
        let found = self.neon()?.get_project(project, budget).await;
        found.map_err(|error| Error::of_project(project, error))
    }

    /// The branch with its settings; the default branch where none is named.
    pub(crate) async fn branch_of(
        &self,
        project: &ProjectId,
        branch: Option<&BranchId>,
        budget: &Budget,
    ) -> Result<Arc<neon::Branch>, Error> {
        let entrance = self.neon_entrance()?;
        let shared = entrance.client.shared();
        let Some(id) = branch else {
            let found = shared.default_branch(project, budget).await;
            return found.map_err(|error| Error::of_project(project, error));
        };
        let branch = Branch { project: project.clone(), id: id.clone() };
        match shared.branch(project, id, budget).await {
            Ok(found) => Ok(found),
            Err(error) => Err(entrance.absent_on(&branch, error, budget).await),
        }
    }

    /// The roles of a branch as the API has them, Neon's own included.
    pub(crate) async fn roles_of(
        &self,
        branch: &Branch,
        budget: &Budget,
    ) -> Result<BTreeMap<RoleName, ApiRole>, Error> {
        let entrance = self.neon_entrance()?;
        match entrance.client.shared().roles(&branch.project, &branch.id, budget).await {
            Ok(roles) => roles.iter().map(|it| Ok((api_names::role_name(&it.name)?, it.clone()))).collect(),
            Err(error) => Err(entrance.absent_on(branch, error, budget).await),
        }
    }

    /// What an error for an object of a branch means: see [`Entrance::absent_on`].
    pub(crate) async fn absent_on(&self, branch: &Branch, error: neon::Error, budget: &Budget) -> Error {
        match self.neon_entrance() {
            Ok(entrance) => entrance.absent_on(branch, error, budget).await,
            Err(_) => error.into(),
        }
    }
}
