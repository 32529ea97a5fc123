//! The values of `neonrep_logical_replication`.

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Timeouts};

use crate::neon::{BranchId, ProjectId};
use crate::postgres::DatabaseName;

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<ProjectId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) verify: Attr<Verify>,
    pub(super) timeouts: Attr<Timeouts>,
}

/// Where to read `wal_level`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    pub(super) database: Attr<DatabaseName>,
    pub(super) branch_id: Attr<BranchId>,
}

impl Model {
    /// The state of a project in which the setting is enabled.
    pub(super) fn observed(self) -> Self {
        Self { id: self.project_id.clone(), ..self }
    }

    /// An import leaves `id` null, for the first read.
    pub(super) fn is_imported(&self) -> bool {
        self.id.is_null()
    }
}
