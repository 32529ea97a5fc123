//! The values of `neonrep_signal_table`, and what follows from them alone.

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, Diagnostics, Timeouts, path};

use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::names::Relation;
use crate::postgres::signal_table::{Shape, SignalTable};
use crate::postgres::{DatabaseName, RoleName, SchemaName, TableName};
use crate::target::{Database, SignalTableId};

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<SignalTableId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
    pub(super) shape: Attr<Shape>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) table: Attr<Reference>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// `table`: an element of `tables` of a publication or of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
}

impl Model {
    /// The table; both names must be known.
    pub(super) fn table(&self) -> Result<TableName, Diagnostics> {
        Ok(TableName::new(self.schema.need(path!(schema))?.clone(), self.name.need(path!(name))?.clone()))
    }

    /// The state as the server has it. `shape`: the one that an import has found.
    pub(super) fn observed(self, at: &Database, found: &SignalTable, shape: Option<Shape>) -> Self {
        let (schema, name) = (found.name.schema.clone(), found.name.relation().clone());
        Self {
            id: SignalTableId { database: at.clone(), table: found.name.clone() }.into(),
            branch_id: at.server.branch_id().cloned().into(),
            schema: schema.clone().into(),
            name: name.clone().into(),
            shape: shape.map_or(self.shape, Attr::Known),
            table: Attr::Known(Reference { schema: schema.into(), name: name.into() }),
            ..self
        }
    }
}
