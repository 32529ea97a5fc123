//! A project: settings, branches, and the operations that run on it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::branch::Branch;
use super::snapshot::Snapshot;
use crate::names;
use crate::operations::Operation;

/// The window of paid plans, where nothing else is set.
pub(crate) const HISTORY_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How long what was deleted may come back.
const RECOVERABLE_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Postgres' major version.
    pub(crate) major: u16,
    /// Whether the control plane keeps passwords.
    pub(crate) store_passwords: bool,
    /// Its settings.
    pub(crate) settings: Map<String, Value>,
    /// Other members that were sent.
    pub(crate) patched: Map<String, Value>,
    /// Id of the default branch.
    pub(crate) default_branch: String,
    /// Branches, oldest first.
    pub(crate) branches: Vec<Branch>,
    /// Branches that were deleted and may come back, oldest first.
    pub(crate) deleted: Vec<Deleted<Branch>>,
    /// Snapshots, oldest first.
    pub(crate) snapshots: Vec<Snapshot>,
    /// Operations, oldest first.
    pub(crate) operations: Vec<Operation>,
    /// Chains of operations that still run.
    pub(crate) chains: u32,
    /// When it was made.
    pub(crate) created_at: String,
    /// When it was changed last.
    pub(crate) updated_at: String,
}

/// A project or a branch that was deleted and may come back.
#[derive(Debug, Clone)]
pub(crate) struct Deleted<T> {
    /// As it was.
    pub(crate) was: T,
    /// When it was deleted.
    pub(crate) at: String,
    /// Until when it may come back.
    pub(crate) until: String,
    /// Its time was over, and nobody deleted it.
    pub(crate) expired: bool,
}

impl<T> Deleted<T> {
    /// Deleted now.
    pub(crate) fn now(was: T, expired: bool) -> Self {
        let now = Timestamp::now();
        Self { was, at: names::time(now), until: names::time(now + RECOVERABLE_FOR), expired }
    }
}

impl Project {
    /// A project without branches.
    pub(crate) fn new(name: &str, major: u16, logical: bool) -> Self {
        let now = names::now();
        let mut settings = Map::new();
        settings.insert("enable_logical_replication".to_owned(), logical.into());
        settings.insert("allowed_ips".to_owned(), serde_json::json!({"ips": [], "protected_branches_only": false}));
        Self {
            id: names::project_id(),
            name: name.to_owned(),
            major,
            store_passwords: true,
            settings,
            patched: Map::new(),
            default_branch: String::new(),
            branches: Vec::new(),
            deleted: Vec::new(),
            snapshots: Vec::new(),
            operations: Vec::new(),
            chains: 0,
            created_at: now.clone(),
            updated_at: now,
        }
    }

    /// Whether logical replication is on.
    pub(crate) fn logical(&self) -> bool {
        self.settings.get("enable_logical_replication").and_then(Value::as_bool).unwrap_or_default()
    }

    /// How long its branches' past is kept: `history_retention_seconds`, one day if nobody says.
    pub(crate) fn history_window(&self) -> SignedDuration {
        let sent = self.patched.get("history_retention_seconds").and_then(Value::as_i64);
        sent.map_or(HISTORY_WINDOW, SignedDuration::from_secs)
    }

    /// The branch of that id.
    pub(crate) fn branch(&self, id: &str) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.id == id)
    }

    /// The same, to be changed.
    pub(crate) fn branch_mut(&mut self, id: &str) -> Option<&mut Branch> {
        self.branches.iter_mut().find(|branch| branch.id == id)
    }

    /// Ids of all computes that its branches have.
    pub(crate) fn computes(&self) -> Vec<String> {
        self.branches.iter().flat_map(Branch::computes).collect()
    }

    /// Ids of all data that are kept for it beside those: of deleted branches and of snapshots.
    pub(crate) fn kept(&self) -> Vec<String> {
        let deleted = self.deleted.iter().flat_map(|deleted| deleted.was.computes());
        deleted.chain(self.snapshots.iter().map(|snapshot| snapshot.id.clone())).collect()
    }

    /// Whether that branch has children.
    pub(crate) fn has_children(&self, id: &str) -> bool {
        self.branches.iter().any(|branch| branch.parent.as_deref() == Some(id))
    }
}
