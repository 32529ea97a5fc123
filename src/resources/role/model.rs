//! The values of `neonrep_role`, and what follows from them alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Diagnostics, Timeouts, path};

use crate::handler::{Call, attributes};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::RoleName;
use crate::secret::{Secret, StoredSecret};
use crate::target::RoleId;

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<RoleId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) name: Attr<RoleName>,
    pub(super) adopt: Attr<bool>,
    pub(super) store_password: Attr<bool>,
    pub(super) rotate_when_changed: Attr<BTreeMap<String, Attr<String>>>,
    pub(super) force_destroy: Attr<bool>,
    pub(super) adopted: Attr<bool>,
    pub(super) password: Attr<StoredSecret>,
    pub(super) timeouts: Attr<Timeouts>,
}

/// What a handler saw of a role.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) adopted: bool,
    /// `None` where it was not asked for, or cannot be shown.
    pub(super) password: Option<Secret>,
}

impl Model {
    /// The id of the role; a default branch is looked up.
    pub(super) async fn located(&self, call: &Call<'_>) -> Result<RoleId, Diagnostics> {
        let server = attributes::server(&self.project_id, &self.branch_id, call.target().is_direct())?;
        Ok(RoleId { server: call.server(&server).await?, name: self.name.need(path!(name))?.clone() })
    }

    /// The id of a role to be created, which replaces another one perhaps.
    pub(super) async fn new_located(&self, call: &Call<'_>) -> Result<RoleId, Diagnostics> {
        let id = self.located(call).await?;
        let name = id.name.clone();
        let server = call.settled(id.server, &self.branch_id, |server| RoleId { server, name: name.clone() });
        Ok(RoleId { server, name })
    }

    /// What a replacement is called on the branch of the object that it replaces; `None` where the configuration names the
    /// branch, or the project is another one.
    pub(super) fn in_place_of(&self, prior: &Self, config: Option<&Self>) -> Option<RoleId> {
        let branch_is_free = config.is_some_and(|config| config.branch_id.is_null());
        let server = attributes::server_of(&prior.project_id, &prior.branch_id)?;
        (branch_is_free && self.project_id == prior.project_id)
            .then(|| Some(RoleId { server, name: self.name.known()?.clone() }))?
    }

    /// The state as the server has it.
    pub(super) fn observed(self, id: RoleId, found: Found) -> Self {
        let password = match (self.store_password.is_true(), found.password) {
            (false, _) => Attr::Null,
            (true, Some(password)) => Attr::Known(password.into()),
            // What cannot be shown stays as it was.
            (true, None) => self.password.into_known().into(),
        };
        Self {
            branch_id: id.server.branch_id().cloned().into(),
            adopted: if self.adopted.known().is_some() { self.adopted } else { found.adopted.into() },
            password,
            id: id.into(),
            ..self
        }
    }

    /// What a plan may promise of `password`: null where it is not stored, the prior value where nothing sets a new
    /// one, otherwise unknown.
    pub(super) fn planned_password(&self, prior: Option<&Self>) -> Attr<StoredSecret> {
        match (self.store_password, prior) {
            (Attr::Null | Attr::Known(false), _) => Attr::Null,
            (Attr::Known(true), Some(prior)) if prior.store_password.is_true() && !self.may_rotate(prior) => {
                prior.password.clone()
            }
            (Attr::Known(true) | Attr::Unknown, _) => Attr::Unknown,
        }
    }

    /// Whether an update sets a new password: `rotate_when_changed` goes from one value to another. Neither the first
    /// value nor removing it does.
    pub(super) fn rotates(&self, prior: &Self) -> bool {
        match (&prior.rotate_when_changed, &self.rotate_when_changed) {
            (Attr::Known(before), Attr::Known(after)) => before != after,
            _ => false,
        }
    }

    /// The same for a plan: a value that is not known yet may be another one.
    fn may_rotate(&self, prior: &Self) -> bool {
        self.rotates(prior) || (!prior.rotate_when_changed.is_null() && self.rotate_when_changed.is_unknown())
    }
}

/// Reserved by Postgres or Neon, beside all that begins with `pg_`: see <https://neon.com/docs/manage/roles>.
const RESERVED: [&str; 5] = ["neon_superuser", "cloud_admin", "zenith_admin", "public", "none"];

/// A name that the API accepts for a role. The error is a sentence without its period.
pub(super) fn role_name(text: &str) -> Result<RoleName, String> {
    let name = RoleName::parse(text).map_err(|wrong| wrong.to_string())?;
    if text.starts_with("pg_") {
        return Err(format!("`{text}` begins with `pg_`, which Postgres reserves for its own roles"));
    }
    if RESERVED.contains(&text) {
        return Err(format!("`{text}` is reserved by Postgres or Neon"));
    }
    if text == "." || text == ".." {
        return Err(format!("`{text}` cannot be sent to the Neon API"));
    }
    Ok(name)
}
