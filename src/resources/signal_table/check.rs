//! What a plan says of a signal table: where it will be, and which instance of it is destroyed.

use tfplugin::{Attr, Diagnostics, Plan};

use super::model::Model;
use super::private::{Known, TABLE};
use crate::handler::{Call, Context};
use crate::target::SignalTableId;

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let call = Call::new(cx, "check the table");
    call.plans(plan, |it, database| Some(SignalTableId { database, table: it.table().ok()? }));
    let ours = cx.private().get::<Known>(TABLE).is_none_or(|it| it.ours);
    if let Some(Model { id: Attr::Known(id), .. }) = plan.destroy().filter(|_| ours) {
        return call.plan_destroy(id);
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
    let (Some(location), Ok(table)) = (location, planned.table()) else { return Diagnostics::none() };
    // Whether a table of the name fits is for the apply to say: what replaces this one, or another resource, may drop it before.
    let found = call.branch_lasts(&location).await;
    let id = |database| SignalTableId { database, table: table.clone() };
    match call.planned_database(&location, planned.connect_as.known(), id).await {
        Ok((_, more)) => found + more,
        Err(error) => found + call.unseen(&location).told(&error),
    }
}
