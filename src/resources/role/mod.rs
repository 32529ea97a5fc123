//! `neonrep_role`: the role that a consumer logs in as.
//!
//! The Neon API keeps the password and shows it on request. The state holds it only where the user asked for that. With
//! `neon_superuser = false`, and on servers other than Neon, the role is created with SQL and has no more than declared.

mod apply;
mod apply_sql;
mod check;
mod messages;
mod model;

use tfplugin::schema::{Rule, boolean, map_of, number, set_of, string};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, Type, Value, path};

use crate::handler::{Call, Context, Data, attributes, import, nulls};
use crate::postgres::{DatabaseName, RoleName};
use crate::target::{ObjectId as _, RoleId};
use model::Model;

pub(crate) struct Role;

impl Resource for Role {
    const TYPE: &'static str = "neonrep_role";
    type Model = Model;
    type Data = Data;

    #[expect(clippy::too_many_lines, reason = "one list of attributes, in the order of the page")]
    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute("project_id", attributes::optional_project_id())
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
                "neon_superuser",
                boolean().optional().computed().keeps_prior().replaces_if_set().doc(
                    "`true`: the Neon API creates the role, as a member of `neon_superuser`, which can read and write every \
                     table. `false`: the role is created with SQL and has only what is declared and granted; on Neon this \
                     requires Postgres 16 or later. Defaults to `true` on Neon, and must not be `true` with the provider's \
                     `sql` block.",
                ),
            )
            .attribute(
                "database",
                string().optional().parsed_by(DatabaseName::parse).doc(
                    "Database to run the SQL in, for a role that is created with SQL. Roles belong to the whole server. Defaults \
                     to the first database that can be entered; with the provider's `sql` block, to `postgres`.",
                ),
            )
            .attribute(
                "replication",
                boolean().optional().doc(
                    "Whether a role that is created with SQL may replicate. Where `rds_replication` exists and the connecting \
                     role is not a superuser, this is membership of that role. Defaults to `true`.",
                ),
            )
            .attribute(
                "bypass_rls",
                boolean().optional().doc(
                    "Whether a role that is created with SQL bypasses row level security. Defaults to `false`.",
                ),
            )
            .attribute(
                "member_of",
                set_of(Type::String).optional().each_parsed_by(RoleName::parse).doc(
                    "Roles to make a role that is created with SQL a member of, such as `pg_read_all_data`. Other memberships \
                     are left alone.",
                ),
            )
            .attribute(
                "settings",
                map_of(Type::String).optional().checked_by(model::check_settings).doc(
                    "Settings of the role's sessions in all databases (`ALTER ROLE … SET`), such as `wal_sender_timeout = \"60s\"`. A \
                     list such as `search_path` is written as in `SET`: `\"\\\"$user\\\", public\"`. New sessions use them. Other settings are \
                     left alone.",
                ),
            )
            .attribute(
                "password_wo",
                string().optional().sensitive().write_only().doc(
                    "Password of a role that is created with SQL. It is never in the state or in plan files. Without it, a new \
                     role on Neon has a generated password that Neon keeps, and a new role on another server has none.",
                ),
            )
            .attribute(
                "password_wo_version",
                number().optional().doc(
                    "Change this number to set the password of `password_wo` again, or on Neon without it, a new generated one. The \
                     role's connections stay open.",
                ),
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
                    .doc("`project/branch/name`, or `sql/-/name` with the provider's `sql` block. Unknown until the role exists, so that what references it comes after it."),
            )
            .attribute(
                "adopted",
                boolean().computed().keeps_prior().doc("Whether the role existed before and was adopted."),
            )
            .attribute(
                "password",
                string().computed().sensitive().doc("Password of the role. Null unless `store_password = true`."),
            )
            .attribute(
                "surplus",
                set_of(Type::String).computed().default(Value::string_set(Vec::<String>::new())).doc(
                    "What a role that was created with SQL has beyond what is declared, such as `CREATEROLE` or `MEMBER OF \
                     neon_superuser`, and `NOLOGIN`. Planned empty: the apply revokes it.",
                ),
            )
            .rule(Rule::Requires("password_wo", "password_wo_version"))
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
        let found = if plan.is_by_api(call.target().is_direct()) {
            apply::create(&call, &plan, &id).await?
        } else {
            apply_sql::create(&call, &plan, &id).await?
        };
        Ok(plan.observed(id, found))
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("read role `{name}`"));
        call.begins(&state.id, &());
        let id = state.located(&call).await?;
        let by_api = if state.is_imported() && !call.target().is_direct() {
            !apply_sql::is_created_with_sql(&call, &id).await
        } else {
            state.is_by_api(call.target().is_direct())
        };
        let found =
            if by_api { apply::read(&call, &state, &id).await? } else { apply_sql::read(&call, &state, &id).await? };
        let Some(found) = found else { return Ok(None) };
        call.sees(&id).await;
        Ok(Some(state.observed(id, found)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?;
        let call = Call::new(cx, format!("change role `{name}`"));
        let id = plan.located(&call).await?;
        let found = if plan.is_by_api(call.target().is_direct()) {
            apply::update(&call, &prior, &plan, &id).await?
        } else {
            apply_sql::update(&call, &prior, &plan, &id).await?
        };
        Ok(plan.observed(id, found))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete role `{name}`"));
        let id = state.located(&call).await?;
        if state.is_by_api(call.target().is_direct()) {
            apply::delete(&call, &state, &id).await
        } else {
            apply_sql::delete(&call, &state, &id).await
        }
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
