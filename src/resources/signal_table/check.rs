//! What a plan says of a signal table, by the live database.

use tfplugin::{Attr, Diagnostics, Plan, path};

use super::model::Model;
use super::private::{Known, TABLE};
use crate::checks::signal_table_fits;
use crate::handler::{Call, Context};
use crate::postgres::TableName;
use crate::postgres::signal_table::Shape;
use crate::target::{DatabaseLocation, Error, SignalTableId};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the table");
    call.plans(plan, |it, database| Some(SignalTableId { database, table: it.table().ok()? }));
    let ours = cx.private().get::<Known>(TABLE).is_none_or(|it| it.ours);
    if let Some(Model { id: Attr::Known(id), .. }) = plan.destroy().filter(|_| ours) {
        call.plan_destroy(id);
    }
    if plan.replaces() {
        return call.unless_renamed(plan).await;
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return wrong,
    };
    // A table of the state is checked by each refresh.
    if plan.prior.is_some() || call.policy().is_off() {
        return Diagnostics::none();
    }
    let (Some(location), Ok(table), Some(shape)) = (location, planned.table(), planned.shape.known()) else {
        return Diagnostics::none();
    };
    let found = call.branch_lasts(&location).await;
    match fits(&call, &location, &table, *shape, planned).await {
        Ok(more) => found + more,
        Err(error) => found + call.unseen(&location).told(&error),
    }
}

async fn fits(
    call: &Call<'_>,
    location: &DatabaseLocation,
    table: &TableName,
    shape: Shape,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let id = |database| SignalTableId { database, table: table.clone() };
    let (at, mut found) = call.planned_database(location, planned.connect_as.known(), id).await?;
    if call.policy().asks(&signal_table_fits::CHECK) {
        let there = call.target().signal_table(&at, table, &call.budget()).await?;
        let refused = signal_table_fits::check(there.as_ref(), shape, &path!(name));
        found.extend(call.policy().admit(&signal_table_fits::CHECK, refused));
    }
    Ok(found)
}
