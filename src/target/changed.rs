//! What this process has changed so recently that a server may still answer as before: computes that restart, and passwords.
//!
//! Neon's proxy keeps the control plane's errors for 30 s and secrets of roles for 4 minutes (neondatabase/neon, `proxy/src/config.rs`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Target;
use super::database::Server;
use crate::neon::ProjectId;
use crate::postgres::{Changes, RoleName};

#[derive(Debug, Default)]
pub(super) struct Changed {
    projects: Mutex<BTreeMap<ProjectId, Changes>>,
    servers: Mutex<BTreeMap<Server, Changes>>,
}

impl Changed {
    /// The computes of a project restart together; each branch has passwords of its own.
    pub(super) fn of(&self, server: &Server) -> Changes {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || server.project_id().map_or_else(Changes::default, |it| self.of_project(it).of_neighbour());
        servers.entry(server.clone()).or_insert_with(first).clone()
    }

    fn of_project(&self, project: &ProjectId) -> Changes {
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        projects.entry(project.clone()).or_default().clone()
    }
}

impl Target {
    /// Notes that computes of the project start or restart because of this process. Call it when the change was accepted, and again when it is
    /// finished.
    pub(crate) fn computes_restart(&self, project: &ProjectId) {
        self.0.changed.of_project(project).compute_changed();
        self.wrote_project(project);
    }

    /// Notes that this process has created a role or set its password. A server that is reached directly knows it at once.
    pub(crate) fn password_set(&self, server: &Server, role: &RoleName) {
        if server.project_id().is_some() {
            self.0.changed.of(server).password_changed(role);
        }
        self.unreachable().retain(|at, error| &at.server != server || !error.is_of_the_login());
    }
}
