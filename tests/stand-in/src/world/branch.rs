//! A branch: its roles, databases and endpoints as the control plane knows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::names;
use crate::postgres::roles::{FoundDatabase, FoundRole};

/// A role.
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

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its number.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// Its OID on the server, once that was seen: the number stays when SQL renames the database, because Neon's computes
    /// report the old name with the new one.
    pub(crate) oid: Option<u32>,
    /// Its owner's name.
    pub(crate) owner: String,
    /// Whether the server has it.
    pub(crate) applied: bool,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

/// State of an endpoint's compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointState {
    /// Never started.
    Init,
    /// The server runs.
    Active,
    /// Suspended; a connection wakes it.
    Idle,
}

/// What an endpoint lets its clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    /// The one of a branch that writes.
    ReadWrite,
    /// A replica.
    ReadOnly,
}

/// An endpoint's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ports {
    /// To the compute itself.
    pub(crate) direct: u16,
    /// Through what stands for the pooler.
    pub(crate) pooled: u16,
}

/// An endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Its id.
    pub(crate) id: String,
    /// What it lets its clients do.
    pub(crate) kind: EndpointKind,
    /// Where they reach it.
    pub(crate) ports: Ports,
    /// Its state.
    pub(crate) state: EndpointState,
    /// What an operation is turning it into.
    pub(crate) pending: Option<EndpointState>,
    /// Connections are refused and do not wake it.
    pub(crate) disabled: bool,
    /// Settings that were sent.
    pub(crate) patched: Map<String, Value>,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was started last.
    pub(crate) started_at: Option<String>,
    /// When it was suspended last.
    pub(crate) suspended_at: Option<String>,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

impl Endpoint {
    /// A new one.
    pub(crate) fn new(kind: EndpointKind) -> Self {
        let now = names::now();
        Self {
            id: names::endpoint_id(),
            kind,
            ports: Ports::default(),
            state: EndpointState::Init,
            pending: None,
            disabled: false,
            patched: Map::new(),
            created_at: now.clone(),
            started_at: None,
            suspended_at: None,
            updated_at: now,
        }
    }

    /// Notes that its compute was started or suspended.
    pub(crate) fn turned(&mut self, state: EndpointState) {
        self.state = state;
        self.pending = None;
        match state {
            EndpointState::Active => self.started_at = Some(names::now()),
            EndpointState::Idle => self.suspended_at = Some(names::now()),
            EndpointState::Init => {}
        }
    }
}

/// A branch.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its parent's id.
    pub(crate) parent: Option<String>,
    /// Where it left its parent's past.
    pub(crate) parent_lsn: Option<String>,
    /// The time of that.
    pub(crate) parent_timestamp: Option<String>,
    /// Made from the schema of another branch, without its rows.
    pub(crate) schema_only: bool,
    /// Protected: not deleted, not restored, and its children get new passwords.
    pub(crate) protected: bool,
    /// `init`, `resetting`, `ready`, `archived`.
    pub(crate) state: String,
    /// When it is deleted by itself.
    pub(crate) expires_at: Option<String>,
    /// Roles by name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Passwords that were set with SQL for roles that are not in the catalogue yet.
    pub(crate) passwords: BTreeMap<String, String>,
    /// Databases by number.
    pub(crate) databases: Vec<Database>,
    /// Endpoints, oldest first.
    pub(crate) endpoints: Vec<Endpoint>,
    /// A test wants the endpoints not to be found.
    pub(crate) endpoints_hidden: bool,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was changed last.
    pub(crate) updated_at: String,
    /// When it was restored last.
    pub(crate) last_reset_at: Option<String>,
    /// The snapshot that it was made from.
    pub(crate) restored: Option<Restored>,
    /// When snapshots are to be taken of it, as it was sent.
    pub(crate) schedule: Vec<Value>,
}

/// Where a branch comes from that was made from a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Restored {
    /// The snapshot.
    pub(crate) from: String,
    /// The branch that it may take the place of.
    pub(crate) instead_of: String,
    /// Whether it has done so.
    pub(crate) finalized: bool,
}

impl Branch {
    /// A branch without roles, databases and endpoints.
    pub(crate) fn new(name: &str) -> Self {
        let now = names::now();
        Self {
            id: names::branch_id(),
            name: name.to_owned(),
            parent: None,
            parent_lsn: None,
            parent_timestamp: None,
            schema_only: false,
            protected: false,
            state: "ready".to_owned(),
            expires_at: None,
            roles: BTreeMap::new(),
            passwords: BTreeMap::new(),
            databases: Vec::new(),
            endpoints: Vec::new(),
            endpoints_hidden: false,
            created_at: now.clone(),
            updated_at: now,
            last_reset_at: None,
            restored: None,
            schedule: Vec::new(),
        }
    }

    /// A child as it comes to be: roles and databases of its parent, with new passwords if the parent is protected.
    pub(crate) fn child(&self, name: &str) -> Self {
        let mut child = Self::new(name);
        child.parent = Some(self.id.clone());
        child.inherit(self);
        if self.protected {
            for role in child.roles.values_mut().filter(|role| role.password.is_some()) {
                role.password = Some(names::password());
            }
        }
        child
    }

    /// Takes roles and databases from another branch.
    pub(crate) fn inherit(&mut self, source: &Self) {
        self.roles.clone_from(&source.roles);
        self.databases.clone_from(&source.databases);
    }

    /// Ids of its computes: its own and its replicas'.
    pub(crate) fn computes(&self) -> Vec<String> {
        let replicas = self.endpoints.iter().filter(|endpoint| endpoint.kind == EndpointKind::ReadOnly);
        replicas.map(|endpoint| endpoint.id.clone()).chain([self.id.clone()]).collect()
    }

    /// The endpoint that writes.
    pub(crate) fn read_write(&self) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.kind == EndpointKind::ReadWrite)
    }

    /// The endpoints that the API shows.
    pub(crate) fn shown_endpoints(&self) -> &[Endpoint] {
        if self.endpoints_hidden { &[] } else { &self.endpoints }
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

    /// Notes a password that was set with SQL.
    pub(crate) fn note_password(&mut self, role: &str, password: Option<String>) {
        if let Some(role) = self.roles.get_mut(role) {
            role.password = password;
        } else if let Some(password) = password {
            self.passwords.insert(role.to_owned(), password);
        }
    }

    /// Notes a database as it was just asked for.
    pub(crate) fn add_database(&mut self, name: &str, owner: &str, applied: bool) {
        let now = names::now();
        self.databases.push(Database {
            id: names::number(),
            name: name.to_owned(),
            oid: None,
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
            if !self.roles.contains_key(&found.name) {
                let password = self.passwords.remove(&found.name);
                self.add_role(&found.name, password, true);
            }
            if let Some(role) = self.roles.get_mut(&found.name) {
                role.applied = true;
                role.login = found.login;
            }
        }
        let is = |database: &Database, found: &FoundDatabase| match database.oid {
            Some(oid) => oid == found.oid,
            None => database.name == found.name,
        };
        self.databases.retain(|database| !database.applied || databases.iter().any(|found| is(database, found)));
        for found in databases {
            if !self.databases.iter().any(|database| is(database, found)) {
                self.add_database(&found.name, &found.owner, true);
            }
            for database in self.databases.iter_mut().filter(|database| is(database, found)) {
                database.oid = Some(found.oid);
                // A rename by the API that the server does not have yet stays.
                if database.applied || database.name == found.name {
                    database.applied = true;
                    database.name.clone_from(&found.name);
                    database.owner.clone_from(&found.owner);
                }
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

    fn names(branch: &Branch) -> Vec<&str> {
        branch.roles.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_role_dropped_by_sql_goes_and_one_made_by_sql_comes() {
        let mut branch = Branch::new("main");
        branch.add_role("old", Some("npg_x".to_owned()), true);
        branch.take_over(&[found("new")], &[]);
        assert_eq!(names(&branch), ["new"]);
        assert_eq!(branch.roles["new"].password, None);
    }

    #[test]
    fn a_password_set_with_sql_is_known() {
        let mut branch = Branch::new("main");
        branch.add_role("old", Some("npg_x".to_owned()), true);
        branch.note_password("old", Some("changed".to_owned()));
        branch.note_password("new", Some("given".to_owned()));
        branch.take_over(&[found("old"), found("new")], &[]);
        let password = |branch: &Branch, name: &str| branch.roles[name].password.clone();
        assert_eq!(password(&branch, "old").as_deref(), Some("changed"));
        assert_eq!(password(&branch, "new").as_deref(), Some("given"));
        branch.note_password("old", None);
        assert_eq!(password(&branch, "old"), None);
    }

    #[test]
    fn a_role_that_the_server_does_not_have_yet_stays() {
        let mut branch = Branch::new("main");
        branch.add_role("coming", Some("npg_x".to_owned()), false);
        branch.take_over(&[], &[]);
        assert_eq!(names(&branch), ["coming"]);
        branch.take_over(&[found("coming")], &[]);
        assert!(branch.roles["coming"].applied);
        assert_eq!(branch.roles["coming"].password.as_deref(), Some("npg_x"));
    }

    #[test]
    fn a_database_keeps_its_number_when_its_owner_changes() {
        let mut branch = Branch::new("main");
        branch.add_database("neondb", "a", true);
        let id = branch.databases[0].id;
        let owned_by_b = FoundDatabase { name: "neondb".to_owned(), oid: 7, owner: "b".to_owned() };
        branch.take_over(&[], &[owned_by_b]);
        assert_eq!(branch.databases[0].id, id);
        assert_eq!(branch.databases[0].owner, "b");
    }

    #[test]
    fn a_database_keeps_its_number_when_sql_renames_it() {
        let found = |oid, name: &str| FoundDatabase { name: name.to_owned(), oid, owner: "a".to_owned() };
        let mut branch = Branch::new("main");
        branch.add_database("neondb", "a", true);
        let id = branch.databases[0].id;
        branch.take_over(&[], &[found(7, "neondb")]);
        branch.take_over(&[], &[found(7, "renamed"), found(8, "neondb")]);
        let of = |name: &str| branch.database(name).map(|database| database.id);
        assert_eq!(of("renamed"), Some(id));
        assert!(of("neondb").is_some_and(|other| other != id), "another database has the old name");
        branch.take_over(&[], &[found(9, "renamed")]);
        assert!(branch.database("renamed").is_some_and(|database| database.id != id), "dropped and created again");
        assert_eq!(branch.databases.len(), 1);
    }

    #[test]
    fn children_of_a_protected_branch_get_new_passwords() {
        let mut parent = Branch::new("main");
        parent.add_role("r", Some("npg_x".to_owned()), true);
        parent.add_role("nobody", None, true);
        assert_eq!(parent.child("c").roles["r"].password.as_deref(), Some("npg_x"));
        parent.protected = true;
        let child = parent.child("c");
        assert!(child.roles["r"].password.as_ref().is_some_and(|password| password != "npg_x"));
        assert_eq!(child.roles["nobody"].password, None);
        assert!(!child.protected);
    }
}
