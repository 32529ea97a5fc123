//! `neonrep_grant`: which privileges a role has in one database, on existing and future tables.

mod apply;
mod check;
mod messages;
mod model;
mod private;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use tfplugin::schema::{boolean, set_of, set_of_objects, string};
use tfplugin::value::{SetValue, Value};
use tfplugin::{Diagnostics, Plan, Resource, Schema, StoredState, Type, path};

use crate::handler::{Call, Context, Data, attributes, import_as, nulls};
use crate::postgres::grant::Entry;
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::{RoleName, SchemaName};
use crate::target::{GrantId, GrantImport};
use model::{Facts, GrantMode, Member, Model, Scope};

pub(crate) struct Grant;

impl Resource for Grant {
    const TYPE: &'static str = "neonrep_grant";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let privileges = TablePrivilege::ALL.map(TablePrivilege::as_str);
        Schema::new(include_str!("page.md"))
            .version(1)
            .attributes(attributes::location())
            .attribute(
                "role",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(RoleName::parse)
                    .doc("Name of the role that gets the privileges."),
            )
            .attribute(
                "schemas",
                set_of(Type::String)
                    .default(Value::string_set(Vec::<String>::new()))
                    .each_parsed_by(SchemaName::parse)
                    .doc("Schemas to grant privileges in, on every table, view, materialized view, partitioned and foreign table."),
            )
            .attribute(
                "tables",
                set_of_objects(Member::attributes())
                    .default(Value::Set(SetValue::default()))
                    .doc("Single tables. At least one of `schemas` and `tables` is required."),
            )
            .attribute(
                "privileges",
                set_of(Type::String)
                    .default(Value::string_set(["SELECT"]))
                    .adopted_after_import()
                    .one_of(privileges)
                    .doc("Privileges on the tables. `MAINTAIN` requires Postgres 17 or later."),
            )
            .attribute(
                "future_tables",
                boolean().optional().computed().doc(
                    "Set default privileges, so that tables created later in `schemas` are covered. Defaults to `true` with \
                     `schemas`. Not allowed with `tables` alone.",
                ),
            )
            .attribute(
                "future_table_owners",
                set_of(Type::String).optional().each_parsed_by(RoleName::parse).doc(
                    "Roles whose future tables are covered. Defaults to the connecting role and the owners of the tables in \
                     `schemas`.",
                ),
            )
            .attribute(
                "mode",
                string().default(GrantMode::Additive.as_str()).one_of(GrantMode::ALL.map(GrantMode::as_str)).doc(
                    "`additive`: privileges that are not declared are left alone. `authoritative`: the apply revokes them, on \
                     the tables in scope and on future tables in `schemas`.",
                ),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute(
                "id",
                string()
                    .computed()
                    .keeps_prior()
                    .doc("`project/branch/database/role`. Unknown until the privileges are granted."),
            )
            .attribute(
                "missing",
                set_of(Type::String).computed().default(Value::string_set(Vec::<String>::new())).doc(
                    "Declared privileges that the role does not have, such as `SELECT ON TABLE public.t3`. Planned empty.",
                ),
            )
            .attribute(
                "surplus",
                set_of(Type::String).computed().default(Value::string_set(Vec::<String>::new())).doc(
                    "With mode `authoritative`: privileges that are not declared, and that the apply revokes, such as `INSERT \
                     ON TABLE public.t3`. Planned empty.",
                ),
            )
            .timeouts()
            .import_id(GrantImport::FORM)
    }

    fn validate(config: &Model) -> Diagnostics {
        messages::nothing_to_grant_on(config)
            + messages::future_tables_without_schemas(config)
            + messages::every_role(config)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let (Some(config), Some(planned)) = (&plan.config, &mut plan.planned) else { return Ok(()) };
        if config.future_tables.is_null() {
            planned.future_tables = planned.planned_future_tables();
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let role = plan.role.need(path!(role))?;
        let call = Call::new(cx, format!("grant privileges to role `{role}`"));
        let db = call.new_database(&plan, |database| GrantId { database, role: role.clone() }).await?;
        let missing = apply::create(&db, &plan).await?;
        call.remember_database(db.at()).await;
        Ok(plan.observed(db.at(), missing, BTreeSet::new()))
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let role = state.role.need(path!(role))?;
        let call = Call::new(cx, format!("read the privileges of role `{role}`"));
        call.begins(&state.id, &state.scope()?);
        let db = call.database_of(&state).await?;
        let Some(held) = db.holdings(role).await? else { return Ok(None) };
        let scope = state.scope()?;
        let facts = Facts::shared(&call, db.at(), state.connect_as.known(), &scope).await;
        let Some(facts) = db.unless_gone(facts.map(Some))? else { return Ok(None) };
        if state.is_imported() && scope.held(&facts.tables, &held).is_empty() {
            return Ok(None);
        }
        let id = GrantId { database: db.at().clone(), role: role.clone() };
        let leaving: Vec<Scope> = call.sees_part(&id, &scope).await;
        if leaving.iter().any(|it| scope.is_the_same_as(it)) {
            call.may_not_stay(&id);
        } else if leaving.iter().any(|it| scope.shares_with(it)) {
            cx.warn(messages::revoked_by_another(role));
        }
        let texts = |entries: BTreeSet<Entry>| entries.iter().map(ToString::to_string).collect();
        let (missing, surplus) = (scope.missing(&facts, &held), scope.surplus(&facts, &held));
        Ok(Some(state.observed(db.at(), texts(missing), texts(surplus))))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let role = plan.role.need(path!(role))?;
        let call = Call::new(cx, format!("change the privileges of role `{role}`"));
        let db = call.planned_database_of(&plan).await?;
        let missing = apply::update(&db, &prior, &plan).await?;
        Ok(plan.observed(db.at(), missing, BTreeSet::new()))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let role = state.role.need(path!(role))?;
        let call = Call::new(cx, format!("revoke the privileges of role `{role}`"));
        let db = call.database_of(&state).await?;
        apply::delete(&db, &state).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let GrantImport { id, schemas, tables } = import_as(id, GrantImport::FORM)?;
        Ok(Model {
            project_id: id.database.server.project_id().cloned().into(),
            branch_id: id.database.server.branch_id().cloned().into(),
            database: id.database.name.clone().into(),
            role: id.role.clone().into(),
            schemas: schemas.into(),
            tables: tables.into_iter().map(Member::from).collect::<BTreeSet<_>>().into(),
            id: id.into(),
            ..nulls::<Self>()?
        })
    }

    /// Version 0 held `future_tables = true` also where no schema was named, and had nothing to do with it.
    fn upgrade(_version: i64, mut state: StoredState) -> Result<StoredState, Diagnostics> {
        let has_schemas = state.get("schemas").and_then(Json::as_array).is_some_and(|it| !it.is_empty());
        if !has_schemas && state.get("future_tables") == Some(&Json::Bool(true)) {
            state.insert("future_tables".to_owned(), Json::Null);
        }
        let attributes = Self::schema().attributes;
        state.retain(|name, _| attributes.contains_key(name));
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
