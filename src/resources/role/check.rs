//! What a plan says of a role: a password that changes or gets lost, and a protected branch.

use std::sync::Arc;

use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics, Plan, path};

use super::messages;
use super::model::Model;
use crate::checks::{branch_protected, password_cannot_be_known};
use crate::handler::{Call, Context, attributes};
use crate::neon::{self, BranchId, ProjectId};
use crate::postgres::RoleName;
use crate::target::{Error, RoleId, Server};

pub(super) async fn plan(cx: &Context, plan: &Plan<Model>) -> Diagnostics {
    if let Some(Model { id: Attr::Known(id), .. }) = plan.destroy().filter(|it| !it.adopted.is_true()) {
        Call::new(cx, "delete the role").plan_destroy(id);
    }
    let Some(planned) = &plan.planned else { return Diagnostics::none() };
    // What is replaced is planned once more, as a new object: that plan is checked.
    if plan.replaces() {
        if let Some(id) = plan.prior.as_ref().and_then(|prior| planned.in_place_of(prior, plan.config.as_ref())) {
            Call::new(cx, "replace the role").replaces(&id);
        }
        return Diagnostics::none();
    }
    let (prior, mut said) = (plan.prior.as_ref(), arguments(cx, plan, planned));
    if said.has_errors() || cx.data().target.is_direct() {
        return said;
    }
    let (Attr::Known(project), Attr::Known(name)) = (&planned.project_id, &planned.name) else { return said };
    let rotates = prior.is_some_and(|prior| planned.rotates(prior));
    if rotates {
        said.push(messages::rotates(planned));
    }
    let doing = if prior.is_none() { "create" } else { "change" };
    let call = Call::new(cx, format!("{doing} role `{name}`"));
    if call.policy().is_off() {
        return said;
    }
    if prior.is_none() || rotates {
        match call.target().project(project, &call.budget()).await {
            Ok(found) => said.extend(call.may_change(&found).map_or_else(Diagnostics::none, Into::into)),
            Err(error) => return said + call.unseen(&format!("project `{project}`")).told(&error),
        }
    }
    if let Some(at) = needs_a_known_password(plan, planned) {
        said.extend(password(&call, project, name, at).await);
    }
    // A branch that is set from something unknown is not looked at.
    let branch_is_unknown = plan.config.as_ref().is_none_or(|it| it.branch_id.is_unknown());
    if prior.is_none() && !branch_is_unknown {
        said.extend(branch(&call, project, planned.branch_id.known(), name).await);
    }
    said
}

/// The argument to set where a project that stores no passwords leaves nobody who knows that of the role: after its creation, or
/// once the state forgets it.
fn needs_a_known_password(plan: &Plan<Model>, planned: &Model) -> Option<AttributePath> {
    let prior = plan.prior.as_ref();
    if planned.is_by_api(false) {
        let forgets = |prior: &Model| prior.store_password.is_true() && !planned.store_password.is_true();
        let asks = planned.store_password == Attr::Known(false) && prior.is_none_or(forgets);
        return asks.then(|| path!(store_password));
    }
    let generates = plan.config.as_ref().is_some_and(|it| it.password_wo.is_null())
        && prior.map_or(!planned.adopt.is_true(), |prior| planned.sets_password(prior));
    (planned.neon_superuser == Attr::Known(false) && generates).then(|| path!(password_wo))
}

/// What the arguments say of the server and of each other. A plan that changes nothing is not refused.
fn arguments(cx: &Context, plan: &Plan<Model>, planned: &Model) -> Diagnostics {
    let is_direct = cx.data().target.is_direct();
    if !planned.project_id.is_unknown()
        && let Err(wrong) = attributes::server(&planned.project_id, &planned.branch_id, is_direct)
    {
        return wrong;
    }
    let Some(config) = &plan.config else { return Diagnostics::none() };
    // The kind is that of the plan, because a state keeps it where the configuration leaves it out.
    let set = Model { neon_superuser: planned.neon_superuser, ..config.clone() };
    if planned.neon_superuser.is_unknown() && config.neon_superuser.is_unknown() {
        return Diagnostics::none();
    }
    if let Some(argument) = set.misplaced(is_direct) {
        return messages::only_for(argument, set.is_by_api(is_direct), is_direct).into();
    }
    let sets_none = is_direct && config.password_wo.is_null() && config.password_wo_version.known().is_some();
    if sets_none && plan.prior.as_ref().is_none_or(|prior| planned.sets_password(prior)) {
        return messages::no_password_given().into();
    }
    Diagnostics::none()
}

/// The branch of a new role: the one that is named, that of the role it replaces, or the default branch.
async fn planned_branch(
    call: &Call<'_>,
    project: &ProjectId,
    named: Option<&BranchId>,
    name: &RoleName,
) -> Result<(Arc<neon::Branch>, Option<Diagnostic>), Error> {
    let found = call.target().branch_of(project, named, &call.budget()).await?;
    if named.is_some() {
        return Ok((found, None));
    }
    let default = Server::neon(project.clone(), found.id.clone());
    match call.stays(default.clone(), |server| RoleId { server, name: name.clone() }) {
        Server::Neon(stays) if stays.id != found.id => {
            Ok((call.target().branch_of(project, Some(&stays.id), &call.budget()).await?, None))
        }
        _ => Ok((found, call.on_two_branches(&default))),
    }
}

/// Nothing keeps the password of a project that does not store passwords.
async fn password(call: &Call<'_>, project: &ProjectId, name: &RoleName, at: AttributePath) -> Diagnostics {
    const CHECK: &crate::checks::Check = &password_cannot_be_known::CHECK;
    if !call.policy().asks(CHECK) {
        return Diagnostics::none();
    }
    match call.target().project(project, &call.budget()).await {
        Ok(found) => {
            let check = password_cannot_be_known::check(name, found.stores_passwords(), at);
            call.policy().admit(CHECK, check)
        }
        Err(error) => call.unseen(&format!("project `{project}`")).told(&error),
    }
}

async fn branch(call: &Call<'_>, project: &ProjectId, named: Option<&BranchId>, name: &RoleName) -> Diagnostics {
    const CHECK: &crate::checks::Check = &branch_protected::CHECK;
    match planned_branch(call, project, named, name).await {
        Ok((found, warning)) => {
            let check = branch_protected::check(name, &found, path!(branch_id));
            call.policy().admit(CHECK, check) + warning.map_or_else(Diagnostics::none, Into::into)
        }
        Err(error) => call.unseen(&format!("the branch in project `{project}`")).told(&error),
    }
}
