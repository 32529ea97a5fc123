//! `neonrep_signal_table`: a table that a consumer writes.

mod apply;
mod check;
mod messages;
mod model;
mod private;

use tfplugin::schema::{object_of, string};
use tfplugin::{Diagnostics, Plan, Resource, Schema, Type, path};

use crate::handler::{Call, Context, Data, Db, attributes, import, nulls};
use crate::postgres::names::Relation;
use crate::postgres::signal_table::{Shape, SignalTable as Found};
use crate::postgres::{SchemaName, TableName};
use crate::target::{ObjectId as _, SignalTableId};
use model::Model;
use private::{Known, TABLE};

pub(crate) struct SignalTable;

impl Resource for SignalTable {
    const TYPE: &'static str = "neonrep_signal_table";
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
                    .doc("Schema of the table. It must exist."),
            )
            .attribute(
                "name",
                string().required().replaces_if_set().parsed_by(Relation::parse).doc("Name of the table."),
            )
            .attribute(
                "shape",
                string()
                    .required()
                    .replaces_if_set()
                    .one_of(Shape::ALL.map(Shape::as_str))
                    .doc("What the consumer uses the table for, and so which columns it has."),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute("id", string().computed().keeps_prior().doc("`project/branch/database/schema/name`."))
            .attribute(
                "table",
                object_of([("schema", Type::String), ("name", Type::String)]).computed().keeps_prior().doc(
                    "Schema and name of the table, for `tables` of `neonrep_publication` and of `neonrep_grant`. Unknown until the \
                     table exists, so that Terraform creates the table first.",
                ),
            )
            .timeouts()
            .import_id(SignalTableId::FORM)
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let (table, shape) = (plan.table()?, *plan.shape.need(path!(shape))?);
        let call = Call::new(cx, format!("create table `{table}`"));
        let id = |database| SignalTableId { database, table: table.clone() };
        let db = call.new_database(&plan, id).await?;
        let (found, ours) = apply::create(&db, &plan, &table, shape).await?;
        cx.set_private(TABLE, &Known { oid: found.oid, ours });
        call.remember_database(db.at()).await;
        let model = plan.observed(db.at(), &found, None);
        cx.checkpoint(&model);
        if !ours {
            cx.warn(messages::existed(&table, shape));
        }
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let table = state.table()?;
        let call = Call::new(cx, format!("read table `{table}`"));
        call.begins(&state.id, &());
        let db = call.database_of(&state).await?;
        let Some(found) = find(&db, &table).await? else { return Ok(None) };
        call.sees(&SignalTableId { database: db.at().clone(), table: found.name.clone() }).await;
        if found.name != table {
            cx.warn(messages::renamed(&table, &found.name));
        }
        let Some(shape) = state.shape.known().copied() else { return imported(cx, state, &db, &found).map(Some) };
        if let Some(misfit) = shape.misfit(&found) {
            cx.warn(messages::lost_its_shape(&found.name, shape, &misfit));
        }
        Ok(Some(state.observed(db.at(), &found, None)))
    }

    async fn update(&self, _cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        // Only `connect_as` and `timeouts` change in place: nothing changes on the server.
        Ok(plan)
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let (table, shape) = (state.table()?, *state.shape.need(path!(shape))?);
        let call = Call::new(cx, format!("drop table `{table}`"));
        let db = call.database_of(&state).await?;
        apply::delete(&db, &state, &table, shape).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let id: SignalTableId = import(id)?;
        Ok(Model {
            project_id: id.database.server.project_id().cloned().into(),
            branch_id: id.database.server.branch_id().cloned().into(),
            database: id.database.name.clone().into(),
            schema: id.table.schema.clone().into(),
            name: id.table.relation().clone().into(),
            id: id.into(),
            ..nulls::<Self>()?
        })
    }
}

/// The table of that name; or, if it was renamed since the last apply, under its new one. Gone is `None`.
async fn find(db: &Db<'_>, name: &TableName) -> Result<Option<Found>, Diagnostics> {
    if let Some(found) = db.signal_table(name).await? {
        return Ok(Some(found));
    }
    let call = db.call();
    let Some(Known { oid, .. }) = call.cx().private().get(TABLE) else { return Ok(None) };
    let tables = call.target().tables(db.at(), &call.budget()).await;
    let now = db.unless_gone(tables.map(|it| it.get_by_oid(oid).map(|it| it.name.clone())))?;
    match now {
        Some(now) => db.signal_table(&now).await,
        None => Ok(None),
    }
}

/// The state after an import: the shape is read from the columns, and the table is managed as if it was created here.
fn imported(cx: &Context, state: Model, db: &Db<'_>, found: &Found) -> Result<Model, Diagnostics> {
    let shape = Shape::of(found).ok_or_else(|| messages::of_no_shape(found))?;
    cx.set_private(TABLE, &Known { oid: found.oid, ours: true });
    Ok(state.observed(db.at(), found, Some(shape)))
}

#[cfg(test)]
mod tests;
