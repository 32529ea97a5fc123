//! The client of Neon's API: reads, and changes of one project one at a time.

mod projects;
mod reads;
pub(super) mod roles;

use std::sync::Arc;

use super::cache::Cache;
use super::change::Changes;
use super::error::Error;
use super::ids::ProjectId;
use super::settings::ApiSettings;
use super::transport::Transport;

/// A client of Neon's API. Clones share connections, locks and answers.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    changes: Changes,
    cache: Arc<Cache>,
}

impl Client {
    /// Checks the settings. No connection is opened.
    pub(crate) fn new(settings: &ApiSettings) -> Result<Self, Error> {
        Ok(Self { changes: Changes::new(Transport::new(settings)?), cache: Arc::default() })
    }

    /// What reads share of a project is out of date, because something that the API knows was changed by other means, such as SQL.
    pub(crate) fn forget(&self, project: &ProjectId) {
        self.changes.turns.changed(project);
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The project with its generation: what reads share is valid for one.
    pub(crate) fn now<'a>(&self, project: &'a ProjectId) -> (&'a ProjectId, u64) {
        (project, self.changes.turns.generation(project))
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.changes.transport
    }
}
