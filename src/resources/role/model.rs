//! The values of `neonrep_role`, and what follows from them alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Diagnostics, Timeouts, Value, path};

use crate::handler::{Call, attributes};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::role::Role as SqlRole;
use crate::postgres::role_change::{Former, ReplicationBy, Wanted};
use crate::postgres::role_settings::{self, SettingName, Settings};
use crate::postgres::{DatabaseName, RoleName};
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
    pub(super) neon_superuser: Attr<bool>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) replication: Attr<bool>,
    pub(super) bypass_rls: Attr<bool>,
    pub(super) member_of: Attr<BTreeSet<RoleName>>,
    pub(super) settings: Attr<Settings>,
    pub(super) password_wo: Attr<StoredSecret>,
    pub(super) password_wo_version: Attr<i64>,
    pub(super) adopt: Attr<bool>,
    pub(super) store_password: Attr<bool>,
    pub(super) rotate_when_changed: Attr<BTreeMap<String, Attr<String>>>,
    pub(super) force_destroy: Attr<bool>,
    pub(super) adopted: Attr<bool>,
    pub(super) password: Attr<StoredSecret>,
    pub(super) surplus: Attr<BTreeSet<String>>,
    pub(super) timeouts: Attr<Timeouts>,
}

/// What a handler saw of a role.
#[derive(Clone, Debug)]
pub(super) struct Found {
    adopted: bool,
    /// `None` where it was not asked for, or cannot be shown.
    password: Option<Secret>,
    /// Created by the Neon API, and so a member of `neon_superuser`.
    by_api: bool,
    drift: Drift,
}

/// What a role that was created with SQL has or lacks, other than declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drift {
    surplus: BTreeSet<String>,
    lacks_replication: bool,
    lacks_bypass_rls: bool,
    lost_groups: BTreeSet<RoleName>,
    /// The declared settings as the role has them; `None` where they were not looked at.
    settings: Option<Settings>,
}

impl Found {
    pub(super) fn of_api(adopted: bool, password: Option<Secret>) -> Self {
        Self { adopted, password, by_api: true, drift: Drift::default() }
    }

    /// A role of the API whose settings were read.
    pub(super) fn with_settings(self, declared: &Settings, held: &Settings) -> Self {
        let settings = Some(role_settings::seen(declared, held));
        Self { drift: Drift { settings, ..self.drift }, ..self }
    }

    pub(super) fn of_sql(adopted: bool, drift: Drift) -> Self {
        Self { adopted, password: None, by_api: false, drift }
    }
}

impl Drift {
    pub(super) fn of(found: &SqlRole, wanted: &Wanted, by: ReplicationBy) -> Self {
        let held: BTreeSet<RoleName> = found.member_of.iter().cloned().collect();
        Self {
            surplus: found.surplus(wanted, by),
            lacks_replication: wanted.replication && !found.replicates(by),
            lacks_bypass_rls: wanted.bypass_rls && !found.bypass_rls,
            lost_groups: &wanted.member_of - &held,
            settings: Some(role_settings::seen(&wanted.settings, &found.settings)),
        }
    }
}

impl Model {
    /// Whether the Neon API creates the role. Left out, the server decides: Neon's API makes members of `neon_superuser`.
    pub(super) fn is_by_api(&self, is_direct: bool) -> bool {
        !is_direct && self.neon_superuser.known().copied().unwrap_or(true)
    }

    /// The first argument that is set and is for the other kind of role.
    pub(super) fn misplaced(&self, is_direct: bool) -> Option<&'static str> {
        let for_sql = [
            ("database", self.database.known().is_some()),
            ("replication", self.replication.known().is_some()),
            ("bypass_rls", self.bypass_rls.known().is_some()),
            ("member_of", self.member_of.known().is_some()),
            ("password_wo", self.password_wo.known().is_some()),
            ("password_wo_version", self.password_wo_version.known().is_some()),
        ];
        let for_api = [
            ("neon_superuser", is_direct && self.neon_superuser.is_true()),
            ("store_password", self.store_password.is_true()),
            ("rotate_when_changed", self.rotate_when_changed.known().is_some()),
            ("force_destroy", self.force_destroy.is_true()),
        ];
        let set = |all: &[(&'static str, bool)]| all.iter().find_map(|(name, set)| set.then_some(*name));
        if self.is_by_api(is_direct) { set(&for_sql) } else { set(&for_api) }
    }

    /// Whether an import names the role, so that nothing but the server says how it was created.
    pub(super) fn is_imported(&self) -> bool {
        self.adopted.is_null() && self.neon_superuser.is_null()
    }

    /// What a role that is created with SQL should have.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            replication: self.replication.known().copied().unwrap_or(true),
            bypass_rls: self.bypass_rls.is_true(),
            member_of: self.member_of.known().cloned().unwrap_or_default(),
            settings: self.declared_settings(),
        }
    }

    /// The settings that the role should have.
    pub(super) fn declared_settings(&self) -> Settings {
        self.settings.known().cloned().unwrap_or_default()
    }

    /// What the role was declared to have, for an update that takes it away.
    pub(super) fn former(&self) -> Former {
        Former { groups: self.member_of.known().cloned().unwrap_or_default(), settings: self.names_of_settings() }
    }

    pub(super) fn names_of_settings(&self) -> BTreeSet<SettingName> {
        self.settings.known().into_iter().flat_map(Settings::keys).cloned().collect()
    }

    /// Whether an update sets the password that the configuration gives.
    pub(super) fn sets_password(&self, prior: &Self) -> bool {
        !self.password_wo_version.is_null() && self.password_wo_version != prior.password_wo_version
    }

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
        let Drift { surplus, lacks_replication, lacks_bypass_rls, lost_groups, settings } = found.drift;
        Self {
            branch_id: id.server.branch_id().cloned().into(),
            neon_superuser: found.by_api.into(),
            replication: if lacks_replication { Attr::Known(false) } else { self.replication },
            bypass_rls: if lacks_bypass_rls { Attr::Known(false) } else { self.bypass_rls },
            member_of: self.member_of.map(|groups| &groups - &lost_groups),
            settings: self.settings.map(|declared| settings.unwrap_or(declared)),
            password_wo: Attr::Null,
            surplus: surplus.into(),
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

/// Checks `settings` where the configuration is read. The error is a sentence.
pub(super) fn check_settings(value: &Value) -> Result<(), String> {
    let Value::Map(settings) = value else { return Ok(()) };
    let mut names = BTreeSet::new();
    for (name, value) in settings {
        let name = SettingName::parse(name)?;
        if let Some(text) = value.as_str() {
            name.check(text)?;
        }
        let text = name.to_string();
        if !names.insert(name) {
            return Err(format!("`{text}` is there twice: names of settings are the same in upper and lower case"));
        }
    }
    Ok(())
}
