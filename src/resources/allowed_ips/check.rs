//! What a plan says of a list of addresses, by the list that the project has.

use tfplugin::{Attr, Diagnostics, Plan};

use super::model::Model;
use crate::handler::{Call, Context};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
    let Attr::Known(project) = &planned.project_id else { return Diagnostics::none() };
    let prior = plan.update().map(|(prior, _)| prior);
    if planned.ips.is_unknown() || prior == Some(planned) {
        return Diagnostics::none();
    }
    let call = Call::new(cx, format!("change IP Allow of project `{project}`"));
    if call.policy().is_off() {
        return Diagnostics::none();
    }
    let edit = match planned.edit(prior) {
        Ok(edit) => edit,
        Err(wrong) => return wrong,
    };
    let found = match call.target().project(project, &call.budget()).await {
        Ok(found) => found,
        Err(error) => return call.unseen(&format!("project `{project}`")).told(&error),
    };
    let before = found.allowed_ips();
    let after = edit.apply(&before);
    let mut said = Diagnostics::none();
    if after != before {
        said.extend(call.may_change(&found).map_or_else(Diagnostics::none, Into::into));
    }
    said.extend(planned.refusal(project, &before, &after).map_or_else(Diagnostics::none, Into::into));
    said
}
