//! `data.neonrep_publications`: the publications of a database.

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, DataSource, Diagnostics, Schema};

use super::catalog::list_of_objects;
use super::catalog::publication::Publication;
use crate::handler::{Call, Context, Data, attributes};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::DatabaseName;

pub(crate) struct Publications;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    publications: Attr<Vec<Publication>>,
}

attributes::located!(Model);

impl DataSource for Publications {
    const TYPE: &'static str = "neonrep_publications";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md")).attributes(attributes::location_to_read()).attribute(
            "publications",
            list_of_objects(Publication::element()).doc(
                "Publications of the database, sorted by name. Each has `name` and the read-only attributes of the data source \
                 `neonrep_publication`.",
            ),
        )
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let call = Call::new(cx, "read publications");
        let db = call.database(&config).await?;
        let (target, budget) = (call.target(), call.budget());
        let read = futures_util::future::try_join(
            target.publications(db.at(), &budget),
            target.effective_tables(db.at(), &budget),
        );
        let (found, effective) = Box::pin(read).await.map_err(|error| call.failed(&error))?;
        let publications: Vec<Publication> =
            found.iter().map(|(name, it)| Publication::of(db.at(), it, effective.get(name))).collect();
        Ok(Model { branch_id: db.at().server.branch_id().cloned().into(), publications: publications.into(), ..config })
    }
}
