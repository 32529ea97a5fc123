//! Diagnostics of `neonrep_logical_replication`.

use tfplugin::{Diagnostic, path};

use crate::neon::ProjectId;
use crate::target::Database;

pub(super) fn nothing_to_import(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "Project `{project}` has logical replication disabled, so there is nothing to import. Remove the import: applying the \
         resource enables logical replication."
    );
    Diagnostic::error("Logical replication is disabled", detail)
}

pub(super) fn stays_enabled(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "Neon cannot disable logical replication. Project `{project}` was only removed from the state, and its computes keep \
         `wal_level = logical`."
    );
    Diagnostic::warning("Logical replication stays enabled", detail)
}

pub(super) fn still_disabled(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The Neon API accepted the setting for project `{project}` and finished its operations, but the project still says that \
         logical replication is disabled.\n\nCheck the project's settings in the Neon console, then apply again."
    );
    Diagnostic::error("Logical replication is still disabled", detail).at(path!(project_id))
}

/// The setting is enabled, and no database could be asked.
pub(super) fn not_seen(project: &ProjectId, why: &str) -> Diagnostic {
    let detail = format!(
        "The setting of project `{project}` is enabled. Whether a compute runs with it could not be read: {why}\n\nIf creating a \
         slot fails with `logical decoding requires wal_level >= logical`, restart the compute."
    );
    Diagnostic::warning("Logical replication is enabled but not verified", detail).at(path!(verify))
}

/// Also after a restart.
pub(super) fn still_replica(project: &ProjectId, at: &Database, level: &str) -> Diagnostic {
    let detail = format!(
        "The setting of project `{project}` is enabled, but {at} still says `wal_level = {level}`, also after the compute was \
         restarted once.\n\nRestart the compute in the Neon console, or suspend it: the next connection starts it. When `SHOW \
         wal_level` says `logical`, apply again."
    );
    Diagnostic::error("Compute does not run with logical replication", detail).at(path!(verify))
}
