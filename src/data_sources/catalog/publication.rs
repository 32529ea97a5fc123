//! A publication as the catalogue has it, and the tables that it comes to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, boolean, number, set_of, string};
use tfplugin::{Attr, Type};

use super::list_of_objects;
use crate::postgres::publication::{EffectiveTables, GeneratedColumns, Operation, Publication as Found};
use crate::postgres::{ColumnName, PublicationName, Relation, RoleName, SchemaName, TableName};
use crate::target::{Database, PublicationId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publication {
    pub(crate) id: Attr<PublicationId>,
    pub(crate) name: Attr<PublicationName>,
    pub(crate) oid: Attr<u32>,
    pub(crate) owner: Attr<RoleName>,
    pub(crate) tables: Attr<Vec<Table>>,
    pub(crate) schemas: Attr<BTreeSet<SchemaName>>,
    pub(crate) all_tables: Attr<bool>,
    pub(crate) publish: Attr<BTreeSet<Operation>>,
    pub(crate) publish_via_partition_root: Attr<bool>,
    pub(crate) publish_generated_columns: Attr<GeneratedColumns>,
    pub(crate) effective_tables: Attr<Vec<Table>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    schema: Attr<SchemaName>,
    name: Attr<Relation>,
    columns: Attr<BTreeSet<ColumnName>>,
    #[serde(rename = "where")]
    filter: Attr<String>,
}

impl Publication {
    /// The attributes, except the name, which one publication takes and a list gives.
    pub(crate) fn attributes() -> Vec<(&'static str, Attribute)> {
        let tables = || {
            list_of_objects([
                ("schema", string()),
                ("name", string()),
                ("columns", set_of(Type::String)),
                ("where", string()),
            ])
        };
        vec![
            (
                "id",
                string().computed().doc(
                    "`project/branch/database/name`: what `publication_id` of a `neonrep_slot` takes for this publication.",
                ),
            ),
            ("oid", number().computed().doc("OID of the publication. A changed value means that it was recreated.")),
            ("owner", string().computed().doc("Role that owns the publication.")),
            (
                "tables",
                tables().doc(
                    "Tables that are listed in the publication, sorted by schema and name. `columns` is null if all are \
                     published, `where` is the row filter as Postgres prints it, or null.",
                ),
            ),
            (
                "schemas",
                set_of(Type::String).computed().doc("Schemas that are published with all their tables (Postgres 15 and later)."),
            ),
            ("all_tables", boolean().computed().doc("Whether every table of the database is published.")),
            (
                "publish",
                set_of(Type::String).computed().doc("Published operations: `insert`, `update`, `delete`, `truncate`."),
            ),
            (
                "publish_via_partition_root",
                boolean().computed().doc("Whether changes of partitions are published as changes of the partitioned table."),
            ),
            (
                "publish_generated_columns",
                string().computed().doc("`none` or `stored`. Always `none` before Postgres 18."),
            ),
            (
                "effective_tables",
                tables().doc(
                    "Tables whose changes a consumer receives, however they are published, sorted by schema and name \
                     (`pg_publication_tables`). `columns` lists the published columns; it is null before Postgres 15.",
                ),
            ),
        ]
    }

    /// The attributes of an element of a list.
    pub(crate) fn element() -> Vec<(&'static str, Attribute)> {
        let mut all = Self::attributes();
        all.push(("name", string().computed()));
        all
    }

    pub(crate) fn of(at: &Database, found: &Found, effective: Option<&EffectiveTables>) -> Self {
        let listed = found.tables.iter().map(|(table, it)| Table::of(table, it.columns.as_ref(), it.filter.as_ref()));
        let effective = effective.into_iter().flatten();
        let effective = effective.map(|(table, it)| Table::of(table, it.columns.as_ref(), it.filter.as_ref()));
        Self {
            id: PublicationId { database: at.clone(), name: found.name.clone() }.into(),
            name: found.name.clone().into(),
            oid: found.oid.into(),
            owner: found.owner.clone().into(),
            tables: listed.collect::<Vec<_>>().into(),
            schemas: found.schemas.clone().into(),
            all_tables: found.all_tables.into(),
            publish: found.publish.clone().into(),
            publish_via_partition_root: found.via_partition_root.into(),
            publish_generated_columns: found.generated_columns.into(),
            effective_tables: effective.collect::<Vec<_>>().into(),
        }
    }
}

impl Table {
    fn of(table: &TableName, columns: Option<&BTreeSet<ColumnName>>, filter: Option<&String>) -> Self {
        Self {
            schema: table.schema.clone().into(),
            name: table.relation().clone().into(),
            columns: columns.cloned().into(),
            filter: filter.cloned().into(),
        }
    }
}
