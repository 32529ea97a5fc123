//! `neonrep_replica_identity`: which columns of the old row Postgres logs for UPDATE and DELETE of a table.

mod apply;
mod check;
mod messages;
mod model;
mod private;

use tfplugin::schema::{object_of, string};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, Type};

use crate::handler::{Call, Context, Data, attributes, import, nulls};
use crate::postgres::names::Relation;
use crate::postgres::table::Table;
use crate::postgres::{IndexName, SchemaName};
use crate::target::{ObjectId as _, ReplicaIdentityId};
use model::{ModeWord, Model, OnDestroy};
use private::TABLE;

pub(crate) struct ReplicaIdentity;

impl Resource for ReplicaIdentity {
    const TYPE: &'static str = "neonrep_replica_identity";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location())
            .attribute(
                "schema",
                string()
                    .default("public")
                    .replaces_if_set()
                    .parsed_by(SchemaName::parse)
                    .doc("Schema of the table."),
            )
            .attribute(
                "table",
                string().required().replaces_if_set().parsed_by(Relation::parse).doc(
                    "Name of the table. Only this table is changed: each partition has a replica identity of its own.",
                ),
            )
            .attribute(
                "mode",
                string().required().one_of(ModeWord::ALL.map(ModeWord::as_str)).doc(
                    "`default`: the columns of the primary key. `full`: the whole old row. `nothing`: no columns, so that \
                     updates and deletes cannot be published. `index`: the columns of `index_name`.",
                ),
            )
            .attribute(
                "index_name",
                string().optional().parsed_by(IndexName::parse).doc(
                    "Index that identifies a row. Required with mode `index`, and not allowed with another mode. The index \
                     must be unique, not partial and not deferrable, and its columns must be `NOT NULL`.",
                ),
            )
            .attribute(
                "on_destroy",
                string().default(OnDestroy::Restore.as_str()).one_of(OnDestroy::ALL.map(OnDestroy::as_str)).doc(
                    "`restore`: destroy restores `original`. It is refused while a publication of the table could not use \
                     that. `keep`: destroy leaves the table as it is.",
                ),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute(
                "id",
                string().computed().keeps_prior().doc(
                    "`project/branch/database/schema/table`. Unknown until the replica identity is set, so that Terraform \
                     sets it before it changes a publication that references it.",
                ),
            )
            .attribute(
                "original",
                object_of([("mode", Type::String), ("index_name", Type::String)]).computed().keeps_prior().doc(
                    "Mode and index that the table had before this resource. Null after an import, because they are not \
                     known then.",
                ),
            )
            .timeouts()
            .import_id(ReplicaIdentityId::FORM)
    }

    fn validate(config: &Model) -> Diagnostics {
        messages::mode_without_index(config)
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let table = plan.table()?;
        let call = Call::new(cx, format!("set the replica identity of `{table}`"));
        let id = |database| ReplicaIdentityId { database, table: table.clone() };
        let db = call.new_database(&plan, id).await?;
        let set = apply::create(&db, &plan, &table).await?;
        cx.set_private(TABLE, &set.found.oid);
        call.remember_database(db.at()).await;
        let model = Model { original: Attr::Known((&set.before).into()), ..plan.observed(db.at(), &set.found) };
        cx.checkpoint(&model);
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let table = state.table()?;
        let call = Call::new(cx, format!("read the replica identity of `{table}`"));
        call.begins(&state.id, &());
        let db = call.database_of(&state).await?;
        let Some(found) = check::find(&db, &table).await?.filter(apply::has_identity) else { return Ok(None) };
        call.sees(&ReplicaIdentityId { database: db.at().clone(), table: found.name.clone() }).await;
        if found.name != table {
            cx.warn(messages::renamed(&table, &found.name));
        }
        let state = recreated(cx, state, &found);
        if check::is_lost(&db, &found).await? {
            cx.warn(messages::lost(&found.name, &found.identity));
        }
        Ok(Some(state.observed(db.at(), &found)))
    }

    async fn update(&self, cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let table = plan.table()?;
        let call = Call::new(cx, format!("change the replica identity of `{table}`"));
        let db = call.planned_database_of(&plan).await?;
        let set = apply::update(&db, &plan, &table).await?;
        cx.set_private(TABLE, &set.found.oid);
        Ok(plan.observed(db.at(), &set.found))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let table = state.table()?;
        let call = Call::new(cx, format!("restore the replica identity of `{table}`"));
        let db = call.database_of(&state).await?;
        if state.on_destroy == Attr::Known(OnDestroy::Keep) {
            call.leaves(&ReplicaIdentityId { database: db.at().clone(), table });
            return Ok(());
        }
        apply::restore(&db, &state, &table).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let id: ReplicaIdentityId = import(id)?;
        Ok(Model {
            project_id: id.database.server.project_id().cloned().into(),
            branch_id: id.database.server.branch_id().cloned().into(),
            database: id.database.name.clone().into(),
            schema: id.table.schema.clone().into(),
            table: id.table.relation().clone().into(),
            id: id.into(),
            ..nulls::<Self>()?
        })
    }
}

/// Notes a table that was recreated outside: what it has now is what it had before this resource sets its mode again. One that
/// has the mode already comes from a dump, which says nothing of the time before.
fn recreated(cx: &Context, state: Model, found: &Table) -> Model {
    let recorded: Option<u32> = cx.private().get(TABLE);
    if recorded == Some(found.oid) {
        return state;
    }
    cx.set_private(TABLE, &found.oid);
    let is_another = recorded.is_some() && state.mode().is_ok_and(|mode| mode != found.identity);
    if is_another { Model { original: Attr::Known((&found.identity).into()), ..state } } else { state }
}

#[cfg(test)]
mod tests;
