//! What a plan says of a signal table, by the live database.

use tfplugin::{Diagnostics, Plan, path};

use super::model::Model;
use crate::checks::signal_table_fits;
use crate::handler::{Call, Context};
use crate::postgres::TableName;
use crate::postgres::signal_table::Shape;
use crate::target::{DatabaseLocation, Error};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
    let call = Call::new(cx, "check the table");
    let location = match call.checked_location(planned, plan.config.as_ref()) {
        Ok(location) => location,
        Err(wrong) => return wrong,
    };
    // A table of the state is checked by each refresh.
    if plan.prior.is_some() || !call.policy().asks(&signal_table_fits::CHECK) {
        return Diagnostics::none();
    }
    let (Some(location), Ok(table), Some(shape)) = (location, planned.table(), planned.shape.known()) else {
        return Diagnostics::none();
    };
    match fits(&call, &location, &table, *shape, planned).await {
        Ok(found) => found,
        Err(error) => call.unseen(&location).told(&error),
    }
}

async fn fits(
    call: &Call<'_>,
    location: &DatabaseLocation,
    table: &TableName,
    shape: Shape,
    planned: &Model,
) -> Result<Diagnostics, Error> {
    let at = call.resolved(location, planned.connect_as.known()).await?;
    let found = call.target().signal_table(&at, table, &call.budget()).await?;
    let refused = signal_table_fits::check(found.as_ref(), shape, &path!(name));
    Ok(call.policy().admit(&signal_table_fits::CHECK, refused))
}
