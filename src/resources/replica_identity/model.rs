//! The values of `neonrep_replica_identity`, and what follows from them alone.

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Diagnostics, Timeouts, path};

use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::names::Relation;
use crate::postgres::replica_identity::Mode;
use crate::postgres::table::Table;
use crate::postgres::{DatabaseName, IndexName, RoleName, SchemaName, TableName};
use crate::target::{Database, ReplicaIdentityId};

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<ReplicaIdentityId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) schema: Attr<SchemaName>,
    pub(super) table: Attr<Relation>,
    pub(super) mode: Attr<ModeWord>,
    pub(super) index_name: Attr<IndexName>,
    pub(super) on_destroy: Attr<OnDestroy>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) original: Attr<Original>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// `mode`, without the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeWord {
    Default,
    Full,
    Nothing,
    Index,
}

/// `on_destroy`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnDestroy {
    Restore,
    Keep,
}

/// What the table had before the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Original {
    mode: Attr<ModeWord>,
    index_name: Attr<IndexName>,
}

impl ModeWord {
    pub(super) const ALL: [Self; 4] = [Self::Default, Self::Full, Self::Nothing, Self::Index];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Full => "full",
            Self::Nothing => "nothing",
            Self::Index => "index",
        }
    }

    fn of(mode: &Mode) -> (Self, Option<IndexName>) {
        match mode {
            Mode::Default => (Self::Default, None),
            Mode::Full => (Self::Full, None),
            Mode::Nothing => (Self::Nothing, None),
            Mode::Index(index) => (Self::Index, index.clone()),
        }
    }

    fn with(self, index: Option<IndexName>) -> Mode {
        match self {
            Self::Default => Mode::Default,
            Self::Full => Mode::Full,
            Self::Nothing => Mode::Nothing,
            Self::Index => Mode::Index(index),
        }
    }
}

impl OnDestroy {
    pub(super) const ALL: [Self; 2] = [Self::Restore, Self::Keep];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Keep => "keep",
        }
    }
}

impl From<&Mode> for Original {
    fn from(mode: &Mode) -> Self {
        let (mode, index) = ModeWord::of(mode);
        Self { mode: mode.into(), index_name: index.into() }
    }
}

impl Model {
    /// The table; both names must be known.
    pub(super) fn table(&self) -> Result<TableName, Diagnostics> {
        Ok(TableName::new(self.schema.need(path!(schema))?.clone(), self.table.need(path!(table))?.clone()))
    }

    /// What the table shall have; everything must be known.
    pub(super) fn mode(&self) -> Result<Mode, Diagnostics> {
        let index = match &self.index_name {
            Attr::Null => None,
            index => Some(index.need(path!(index_name))?.clone()),
        };
        Ok(self.mode.need(path!(mode))?.with(index))
    }

    /// Whether destroy restores what the table had before.
    pub(super) fn restores(&self) -> bool {
        self.on_destroy != Attr::Known(OnDestroy::Keep) && self.original().is_some()
    }

    /// What the table had before; `None` if that is not known.
    pub(super) fn original(&self) -> Option<Mode> {
        let original = self.original.known()?;
        Some(original.mode.known()?.with(original.index_name.known().cloned()))
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, found: &Table) -> Self {
        let (mode, index) = ModeWord::of(&found.identity);
        Self {
            id: ReplicaIdentityId { database: at.clone(), table: found.name.clone() }.into(),
            branch_id: at.server.branch_id().cloned().into(),
            database: at.name.clone().into(),
            schema: found.name.schema.clone().into(),
            table: found.name.relation().clone().into(),
            mode: mode.into(),
            index_name: index.into(),
            original: self.original.into_known().into(),
            ..self
        }
    }
}
