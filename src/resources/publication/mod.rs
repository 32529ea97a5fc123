//! `neonrep_publication`: which changes of which tables a consumer may receive.

mod apply;
mod check;
mod messages;
mod model;
mod private;

use tfplugin::schema::{boolean, number, set_of, set_of_objects, string};
use tfplugin::value::{SetValue, Value};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, Type, path};

use crate::handler::{Call, Context, Data, Db, attributes, import, nulls};
use crate::postgres::publication::{Operation, Publication as Found};
use crate::postgres::{PublicationName, SchemaName};
use crate::target::{ObjectId as _, PublicationId};
use model::{Entry, ManageTables, Model};
use private::{APPLIED_ALL_TABLES, FILTERS};

pub(crate) struct Publication;

impl Resource for Publication {
    const TYPE: &'static str = "neonrep_publication";
    type Model = Model;
    type Data = Data;

    #[expect(clippy::too_many_lines, reason = "one list of attributes, in the order of the page")]
    fn schema() -> Schema {
        let operations = || Operation::ALL.map(Operation::as_str);
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location())
            .attribute(
                "name",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(PublicationName::parse)
                    .doc("Name of the publication, unique within the database."),
            )
            .attribute(
                "tables",
                set_of_objects(Entry::attributes())
                    .default(Value::Set(SetValue::default()))
                    .doc("Tables to publish. Required unless `schemas` or `all_tables` is set."),
            )
            .attribute(
                "schemas",
                set_of(Type::String)
                    .default(Value::Set(SetValue::default()))
                    .each_parsed_by(SchemaName::parse)
                    .doc(
                        "Schemas to publish with all their tables, including tables created later (Postgres 15 and later). Requires \
                         a superuser, or on Neon a member of `neon_superuser`. Neon lets only a superuser add a schema to an \
                         existing publication: that change requires `allow_replace`.",
                    ),
            )
            .attribute(
                "all_tables",
                boolean().default(false).doc(
                    "Publish every table of the database, including tables created later. Postgres cannot alter a publication \
                     from a list to all tables, or back: that change requires `allow_replace`.",
                ),
            )
            .attribute(
                "publish",
                set_of(Type::String)
                    .default(Value::string_set(operations()))
                    .one_of(operations())
                    .doc("Operations to publish. May be empty."),
            )
            .attribute(
                "publish_via_partition_root",
                boolean()
                    .default(false)
                    .doc("Publish changes of partitions as changes of the partitioned table."),
            )
            .attribute(
                "publish_generated_columns",
                string().optional().one_of(["none", "stored"]).doc(
                    "Whether stored generated columns are published (Postgres 18 and later). Unset leaves the option as it is; a \
                     new publication then has `none`.",
                ),
            )
            .attribute(
                "manage_tables",
                string().default("exact").one_of(ManageTables::WORDS).doc(
                    "`exact` removes tables and schemas that others added. `at_least` keeps them, and manages only those that are \
                     configured.",
                ),
            )
            .attribute(
                "adopt",
                boolean().default(false).doc(
                    "Adopt an existing publication of this name, and change it to match the configuration. An adopted \
                     publication is never dropped: destroy only removes it from the state, with a warning.",
                ),
            )
            .attribute(
                "allow_replace",
                boolean().default(false).doc(
                    "Allow changes that drop and create the publication in one transaction. Slots behind the publication lose \
                     nothing.",
                ),
            )
            .attribute(
                "force_destroy",
                boolean().default(false).doc("Drop the publication even while a consumer streams from it."),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute(
                "id",
                string().computed().keeps_prior().doc(
                    "`project/branch/database/name`. Unknown until the publication exists, so that Terraform creates the \
                     publication before a slot that references it.",
                ),
            )
            .attribute(
                "oid",
                number()
                    .computed()
                    .keeps_prior()
                    .doc("OID of the publication. A changed value means that the publication was recreated."),
            )
            .attribute("owner", string().computed().keeps_prior().doc("Role that owns the publication."))
            .attribute(
                "adopted",
                boolean().computed().keeps_prior().doc("Whether the publication existed before and was adopted."),
            )
            .timeouts()
            .import_id(PublicationId::FORM)
    }

    fn validate(config: &Model) -> Diagnostics {
        messages::nothing_or_both(config) + config.tables.known().map(model::listed_twice).unwrap_or_default()
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let replaces = plan.replaces();
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        planned.check_identities()?;
        if let Some(prior) = plan.prior.as_ref().filter(|_| !replaces)
            && planned.turns(prior)
            && planned.allow_replace.is_true()
        {
            planned.oid = Attr::Unknown;
            planned.owner = Attr::Unknown;
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?;
        let call = Call::new(cx, format!("create publication `{name}`"));
        let id = |database| PublicationId { database, name: name.clone() };
        let db = call.new_database(&plan, id).await?;
        let found = apply::create(&db, &plan, name).await?;
        call.remember_database(db.at()).await;
        let model = applied(cx, plan, &db, &found);
        cx.checkpoint(&model);
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("read publication `{name}`"));
        call.begins(&state.id, &());
        let db = call.database_of(&state).await?;
        let Some(found) = db.publication(name).await? else { return Ok(None) };
        let id = PublicationId { database: db.at().clone(), name: name.clone() };
        call.note_first_version(state.is_imported());
        call.sees(&id).await;
        let mark = apply::mark(&call, &found);
        if let Some(nonce) = &mark {
            call.target().known_marks().remember(id.natural_key(), found.oid, nonce);
        }
        for warning in check::lost(&db, &found).await {
            cx.warn(warning);
        }
        Ok(Some(state.observed(db.at(), &found, &cx.private().get(FILTERS).unwrap_or_default(), mark.as_ref())))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?;
        let call = Call::new(cx, format!("change publication `{name}`"));
        let db = call.planned_database_of(&plan).await?;
        let found = apply::update(&db, &prior, &plan, name).await?;
        Ok(applied(cx, plan, &db, &found))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete publication `{name}`"));
        let db = call.database_of(&state).await?;
        apply::delete(&db, &state, name).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let id: PublicationId = import(id)?;
        Ok(Model {
            project_id: id.database.server.project_id().cloned().into(),
            branch_id: id.database.server.branch_id().cloned().into(),
            database: id.database.name.clone().into(),
            name: id.name.clone().into(),
            id: id.into(),
            ..nulls::<Self>()?
        })
    }
}

/// The model after an apply. What the next refresh needs to know of it is kept in private state.
fn applied(cx: &Context, plan: Model, db: &Db<'_>, found: &Found) -> Model {
    let filters = plan.filters(found);
    cx.set_private(APPLIED_ALL_TABLES, &found.all_tables);
    cx.set_private(FILTERS, &filters);
    plan.observed(db.at(), found, &filters, apply::mark(db.call(), found).as_ref())
}

#[cfg(test)]
mod tests;
