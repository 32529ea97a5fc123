//! What the control plane knows: one project, its branches and endpoint, roles, databases and operations.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::knobs::Knobs;
use crate::names;
use crate::operations::Operation;
use crate::postgres::roles::{FoundDatabase, FoundRole};

/// Region of everything.
pub(crate) const REGION: &str = "aws-us-east-2";

/// A branch without a server, made on the admin route; the default branch is [`World::branch_id`].
#[derive(Debug, Clone)]
pub(crate) struct OtherBranch {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created_at: String,
}

/// A role of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    /// Its name.
    pub(crate) name: String,
    /// Its password, where the control plane knows it.
    pub(crate) password: Option<String>,
    /// Whether it may log in.
    pub(crate) login: bool,
    /// Whether the server has it, so that its absence there means that somebody dropped it.
    pub(crate) applied: bool,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

/// A database of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its number.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// Its owner's name.
    pub(crate) owner: String,
    /// Whether the server has it.
    pub(crate) applied: bool,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

/// State of the endpoint's compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointState {
    /// The server runs.
    Active,
    /// Suspended; a connection wakes it.
    Idle,
}

/// The endpoint of the default branch.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Its id.
    pub(crate) id: String,
    /// Its state.
    pub(crate) state: EndpointState,
    /// What an operation is turning it into.
    pub(crate) pending: Option<EndpointState>,
    /// Settings that `PATCH` replaced.
    pub(crate) patched: Map<String, Value>,
    /// When it was started last.
    pub(crate) started_at: Option<String>,
    /// When it was suspended last.
    pub(crate) suspended_at: Option<String>,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    /// Id of the one project.
    pub(crate) project_id: String,
    /// Its name.
    pub(crate) project_name: String,
    /// Organization that owns it.
    pub(crate) organization_id: String,
    /// Postgres' major version.
    pub(crate) major: u16,
    /// The project's settings.
    pub(crate) settings: Map<String, Value>,
    /// Other members of the project that `PATCH` may replace.
    pub(crate) patched: Map<String, Value>,
    /// Id of the default branch.
    pub(crate) branch_id: String,
    /// Name of the default branch.
    pub(crate) branch_name: String,
    /// Branches without a server.
    pub(crate) other_branches: Vec<OtherBranch>,
    /// The endpoint of the default branch.
    pub(crate) endpoint: Endpoint,
    /// Roles by name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Databases by number.
    pub(crate) databases: Vec<Database>,
    /// Operations, oldest first.
    pub(crate) operations: Vec<Operation>,
    /// Chains of operations that still run.
    pub(crate) chains: u32,
    /// What tests have turned.
    pub(crate) knobs: Knobs,
    /// When all this was made.
    pub(crate) created_at: String,
    /// When the project was changed last.
    pub(crate) updated_at: String,
    last_database_id: i64,
}

impl World {
    /// A project with its default branch and endpoint, no role or database yet.
    pub(crate) fn new(major: u16, logical: bool) -> Self {
        let now = names::now();
        let mut settings = Map::new();
        settings.insert("enable_logical_replication".to_owned(), logical.into());
        settings.insert("allowed_ips".to_owned(), serde_json::json!({"ips": [], "protected_branches_only": false}));
        Self {
            project_id: names::project_id(),
            project_name: "stand-in".to_owned(),
            organization_id: "org-stand-in-00000001".to_owned(),
            major,
            settings,
            patched: Map::new(),
            branch_id: names::branch_id(),
            branch_name: "main".to_owned(),
            other_branches: Vec::new(),
            endpoint: Endpoint {
                id: names::endpoint_id(),
                state: EndpointState::Active,
                pending: None,
                patched: Map::new(),
                started_at: Some(now.clone()),
                suspended_at: None,
                updated_at: now.clone(),
            },
            roles: BTreeMap::new(),
            databases: Vec::new(),
            operations: Vec::new(),
            chains: 0,
            knobs: Knobs::default(),
            created_at: now.clone(),
            updated_at: now,
            last_database_id: 1_000_000,
        }
    }

    /// Whether logical replication is on for the project.
    pub(crate) fn logical(&self) -> bool {
        self.settings.get("enable_logical_replication").and_then(Value::as_bool).unwrap_or_default()
    }

    /// Notes a role as it was just asked for.
    pub(crate) fn add_role(&mut self, name: &str, password: Option<String>, applied: bool) {
        let now = names::now();
        let role = Role {
            name: name.to_owned(),
            login: password.is_some(),
            password,
            applied,
            created_at: now.clone(),
            updated_at: now,
        };
        self.roles.insert(name.to_owned(), role);
    }

    /// Notes a database as it was just asked for.
    pub(crate) fn add_database(&mut self, name: &str, owner: &str, applied: bool) {
        self.last_database_id += 1;
        let now = names::now();
        self.databases.push(Database {
            id: self.last_database_id,
            name: name.to_owned(),
            owner: owner.to_owned(),
            applied,
            created_at: now.clone(),
            updated_at: now,
        });
    }

    /// The database of that name.
    pub(crate) fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == name)
    }

    /// Takes over what the server's catalogue has: roles and databases made, renamed or dropped by SQL,
    /// as Neon's computes report them.
    pub(crate) fn take_over(&mut self, roles: &[FoundRole], databases: &[FoundDatabase]) {
        self.roles.retain(|name, role| !role.applied || roles.iter().any(|found| found.name == *name));
        for found in roles {
            if let Some(role) = self.roles.get_mut(&found.name) {
                role.applied = true;
                role.login = found.login;
            } else {
                self.add_role(&found.name, None, true);
                if let Some(role) = self.roles.get_mut(&found.name) {
                    role.login = found.login;
                }
            }
        }
        self.databases
            .retain(|database| !database.applied || databases.iter().any(|found| found.name == database.name));
        for found in databases {
            let known = self.databases.iter_mut().find(|database| database.name == found.name);
            if let Some(database) = known {
                database.applied = true;
                database.owner.clone_from(&found.owner);
            } else {
                self.add_database(&found.name, &found.owner, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> FoundRole {
        FoundRole { name: name.to_owned(), login: true }
    }

    fn names(world: &World) -> Vec<&str> {
        world.roles.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_role_dropped_by_sql_goes_and_one_made_by_sql_comes() {
        let mut world = World::new(17, false);
        world.add_role("old", Some("npg_x".to_owned()), true);
        world.take_over(&[found("new")], &[]);
        assert_eq!(names(&world), ["new"]);
        assert_eq!(world.roles["new"].password, None);
    }

    #[test]
    fn a_role_that_the_server_does_not_have_yet_stays() {
        let mut world = World::new(17, false);
        world.add_role("coming", Some("npg_x".to_owned()), false);
        world.take_over(&[], &[]);
        assert_eq!(names(&world), ["coming"]);
        world.take_over(&[found("coming")], &[]);
        assert!(world.roles["coming"].applied);
        assert_eq!(world.roles["coming"].password.as_deref(), Some("npg_x"));
    }

    #[test]
    fn a_database_keeps_its_number_when_its_owner_changes() {
        let mut world = World::new(17, false);
        world.add_database("neondb", "a", true);
        let id = world.databases[0].id;
        let owned_by_b = FoundDatabase { name: "neondb".to_owned(), owner: "b".to_owned() };
        world.take_over(&[], &[owned_by_b]);
        assert_eq!(world.databases[0].id, id);
        assert_eq!(world.databases[0].owner, "b");
    }
}
