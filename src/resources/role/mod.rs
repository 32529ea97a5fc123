//! `neonrep_role`: the role that a consumer logs in as.
//!
//! The Neon API keeps the password and shows it on request. The state holds it only where the user asked for that.

mod apply;
mod check;
mod messages;
mod model;

use tfplugin::schema::{boolean, map_of, string};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, Type, path};

use crate::handler::{Call, Context, Data, attributes, import, nulls};
use crate::target::{ObjectId as _, RoleId};
use model::Model;

pub(crate) struct Role;

impl Resource for Role {
    const TYPE: &'static str = "neonrep_role";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute("project_id", attributes::project_id())
            .attribute("branch_id", attributes::branch_id())
            .attribute(
                "name",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(model::role_name)
                    .doc("Name of the role, unique within the branch. Names that Postgres or Neon reserve are refused."),
            )
            .attribute(
                "adopt",
                boolean().default(false).doc(
                    "Adopt an existing role of this name. An adopted role is never dropped: destroy only removes it from the \
                     state, with a warning.",
                ),
            )
            .attribute(
                "store_password",
                boolean().default(false).doc("Store the password in the state, and thereby in plan files."),
            )
            .attribute(
                "rotate_when_changed",
                map_of(Type::String).optional().doc(
                    "Arbitrary values, such as a date. When they change from one value to another, the role gets a new password \
                     and its open connections are closed. Setting them for the first time changes nothing.",
                ),
            )
            .attribute(
                "force_destroy",
                boolean().default(false).doc(
                    "On destroy, let Neon give the objects that the role owns to the owner of their database. Without it, destroy \
                     fails while the role owns objects.",
                ),
            )
            .attribute(
                "id",
                string()
                    .computed()
                    .keeps_prior()
                    .doc("`project/branch/name`. Unknown until the role exists, so that what references it comes after it."),
            )
            .attribute(
                "adopted",
                boolean().computed().keeps_prior().doc("Whether the role existed before and was adopted."),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("Password of the role. Null unless `store_password = true`."),
            )
            .timeouts()
            .import_id(RoleId::FORM)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let prior = plan.prior.as_ref().filter(|_| !plan.replaces());
        if let Some(planned) = &mut plan.planned {
            planned.password = planned.planned_password(prior);
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?;
        let call = Call::new(cx, format!("create role `{name}`"));
        let id = plan.new_located(&call).await?;
        let found = apply::create(&call, &plan, &id).await?;
        Ok(plan.observed(id, found))
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("read role `{name}`"));
        let id = state.located(&call).await?;
        let Some(found) = apply::read(&call, &state, &id).await? else { return Ok(None) };
        call.sees(&id)?;
        Ok(Some(state.observed(id, found)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?;
        let call = Call::new(cx, format!("change role `{name}`"));
        let id = plan.located(&call).await?;
        let found = apply::update(&call, &prior, &plan, &id).await?;
        Ok(plan.observed(id, found))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete role `{name}`"));
        let id = state.located(&call).await?;
        apply::delete(&call, &state, &id).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let id: RoleId = import(id)?;
        model::role_name(id.name.as_str()).map_err(|wrong| messages::bad_import(&wrong))?;
        Ok(Model {
            project_id: id.server.project_id().cloned().into(),
            branch_id: id.server.branch_id().cloned().into(),
            name: id.name.clone().into(),
            id: Attr::Known(id),
            ..nulls::<Self>()?
        })
    }
}

#[cfg(test)]
mod tests;
