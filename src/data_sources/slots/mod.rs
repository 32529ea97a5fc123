//! `data.neonrep_slots`: the logical slots of a database, with their live figures.

use serde::{Deserialize, Serialize};
use tfplugin::{Attr, DataSource, Diagnostics, Schema};

use super::catalog::list_of_objects;
use super::catalog::slot::{Slot, is_of};
use crate::handler::{Call, Context, Data, attributes};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::DatabaseName;

pub(crate) struct Slots;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    slots: Attr<Vec<Slot>>,
}

attributes::located!(Model);

impl DataSource for Slots {
    const TYPE: &'static str = "neonrep_slots";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md")).attributes(attributes::location_to_read()).attribute(
            "slots",
            list_of_objects(Slot::element()).doc(
                "Logical slots of the database, sorted by name. Each has `name` and the read-only attributes of the data source \
                 `neonrep_slot`, except `publication_proved_older`.",
            ),
        )
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let call = Call::new(cx, "read slots");
        let db = call.database(&config).await?;
        let (target, budget) = (call.target(), call.budget());
        let read = futures_util::future::try_join(target.slots(db.at(), &budget), target.consumers(db.at(), &budget));
        let (slots, consumers) = Box::pin(read).await.map_err(|error| call.failed(&error))?;
        let of_database = slots.values().filter(|it| is_of(it, &db.at().name));
        let slots: Vec<Slot> = of_database.map(|it| Slot::of(db.at(), it, consumers.get(&it.name))).collect();
        Ok(Model { branch_id: db.at().server.branch_id().cloned().into(), slots: slots.into(), ..config })
    }
}
