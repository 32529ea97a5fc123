//! `data.neonrep_publication`: a publication that was made elsewhere, whose id a slot needs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::string;
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, Schema, path};

use super::catalog::publication::{Publication as Entry, Table};
use crate::handler::{Call, Context, Data, attributes, words};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::publication::{GeneratedColumns, Operation};
use crate::postgres::{DatabaseName, PublicationName, RoleName, SchemaName};
use crate::target::{Database, PublicationId};

pub(crate) struct Publication;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    name: Attr<PublicationName>,
    id: Attr<PublicationId>,
    oid: Attr<u32>,
    owner: Attr<RoleName>,
    tables: Attr<Vec<Table>>,
    schemas: Attr<BTreeSet<SchemaName>>,
    all_tables: Attr<bool>,
    publish: Attr<BTreeSet<Operation>>,
    publish_via_partition_root: Attr<bool>,
    publish_generated_columns: Attr<GeneratedColumns>,
    effective_tables: Attr<Vec<Table>>,
}

attributes::located!(Model);

impl DataSource for Publication {
    const TYPE: &'static str = "neonrep_publication";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location_to_read())
            .attribute("name", string().required().parsed_by(PublicationName::parse).doc("Name of the publication."))
            .attributes(Entry::attributes())
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let name = config.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("read publication `{name}`"));
        let db = call.database(&config).await?;
        let (target, budget) = (call.target(), call.budget());
        let read = futures_util::future::try_join(
            target.publication(db.at(), &name, &budget),
            target.effective_tables(db.at(), &budget),
        );
        let (found, effective) = Box::pin(read).await.map_err(|error| call.failed(&error))?;
        let found = found.ok_or_else(|| absent(&name, db.at()))?;
        let it = Entry::of(db.at(), &found, effective.get(&name));
        Ok(Model {
            branch_id: db.at().server.branch_id().cloned().into(),
            id: it.id,
            oid: it.oid,
            owner: it.owner,
            tables: it.tables,
            schemas: it.schemas,
            all_tables: it.all_tables,
            publish: it.publish,
            publish_via_partition_root: it.publish_via_partition_root,
            publish_generated_columns: it.publish_generated_columns,
            effective_tables: it.effective_tables,
            ..config
        })
    }
}

fn absent(name: &PublicationName, at: &Database) -> Diagnostics {
    let detail = format!(
        "{} has no publication `{name}`. If this configuration creates it, use the attributes of its `neonrep_publication`. \
         Otherwise create the publication first.",
        words::sentence(&at.to_string())
    );
    Diagnostic::error(format!("Publication `{name}` does not exist"), detail).at(path!(name)).into()
}
