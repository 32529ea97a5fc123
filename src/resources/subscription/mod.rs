//! `neonrep_subscription`: a database that receives the changes of a publication elsewhere.

mod apply;
mod check;
mod messages;
mod model;

use tfplugin::schema::{boolean, number, set_of, string};
use tfplugin::{Diagnostics, Plan, Resource, Schema, Type, path};

use crate::handler::{Call, Context, Data, attributes, import, nulls};
use crate::postgres::subscription::{Origin, Streaming};
use crate::postgres::{PublicationName, SlotName, SubscriptionName};
use crate::target::{ObjectId as _, SubscriptionId};
use model::{Model, OnDestroy};

pub(crate) struct Subscription;

impl Resource for Subscription {
    const TYPE: &'static str = "neonrep_subscription";
    type Model = Model;
    type Data = Data;

    #[expect(clippy::too_many_lines, reason = "one list of attributes, in the order of the page")]
    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location())
            .attribute(
                "name",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(SubscriptionName::parse)
                    .doc("Name of the subscription, unique within the database."),
            )
            .attribute(
                "publications",
                set_of(Type::String)
                    .required()
                    .each_parsed_by(PublicationName::parse)
                    .doc("Names of the publications at the publisher."),
            )
            .attribute(
                "connection_wo",
                string().optional().sensitive().write_only().doc(
                    "How the server of the subscription connects to the publisher: a URI or `keyword=value` list of libpq, with a \
                     password, and with the direct host. It is never in the state or in plan files. Required when the subscription \
                     is created.",
                ),
            )
            .attribute(
                "connection_wo_version",
                number().optional().doc(
                    "Change this number to set `connection_wo` again, for example after a new password. Tables that were added to \
                     the publications since are then received too.",
                ),
            )
            .attribute(
                "slot_name",
                string().optional().parsed_by(SlotName::parse).doc(
                    "Name of the slot at the publisher. Defaults to the name of the subscription.",
                ),
            )
            .attribute(
                "create_slot",
                boolean().optional().replaces_if_set().doc(
                    "Create the slot at the publisher. Defaults to `true`. With `false`, the slot must exist, and belongs to \
                     whoever created it.",
                ),
            )
            .attribute(
                "copy_data",
                boolean().default(true).doc(
                    "Copy the rows that exist, of each table when it is received for the first time. Changing it copies nothing.",
                ),
            )
            .attribute("enabled", boolean().default(true).doc("Whether the subscription receives changes."))
            .attribute(
                "streaming",
                string().optional().computed().keeps_prior().one_of(Streaming::WORDS).doc(
                    "When changes of a transaction that is still open are sent: `off` after its commit, `on` at once, into files, \
                     `parallel` at once, applied by parallel workers (Postgres 16 and later). Defaults to that of the server: \
                     `parallel` from Postgres 18, `off` before.",
                ),
            )
            .attribute(
                "origin",
                string().optional().computed().keeps_prior().one_of(Origin::WORDS).doc(
                    "`none` receives only changes that the publisher did not itself receive from another one, `any` receives all \
                     (Postgres 16 and later). Defaults to `any`.",
                ),
            )
            .attribute(
                "binary",
                boolean().default(false).doc("Send values in binary form. Types of columns must then be the same."),
            )
            .attribute(
                "two_phase",
                boolean().default(false).replaces_if_set().doc(
                    "Apply a prepared transaction when it is prepared, not when it is committed (Postgres 15 and later).",
                ),
            )
            .attribute(
                "disable_on_error",
                boolean().default(false).doc(
                    "Disable the subscription when a change cannot be applied, instead of trying again (Postgres 15 and later). The \
                     next plan then shows `enabled` changing back.",
                ),
            )
            .attribute(
                "failover",
                boolean().default(false).doc(
                    "Synchronize the slot to standbys of the publisher (Postgres 17 and later, on both sides). Changing it stops the subscription \
                     for a moment.",
                ),
            )
            .attribute(
                "on_destroy",
                string().optional().one_of(OnDestroy::WORDS).doc(
                    "What destroy does with the slot at the publisher: `drop_slot` or `keep_slot`. Defaults to `drop_slot`, and to \
                     `keep_slot` with `create_slot = false`. If the publisher cannot be reached, the slot is kept, with a warning.",
                ),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute("id", string().computed().keeps_prior().doc("`project/branch/database/name`."))
            .attribute(
                "publisher_slot",
                string().computed().keeps_prior().doc("Name of the slot that the subscription uses at the publisher."),
            )
            .timeouts()
            .import_id(SubscriptionId::FORM)
    }

    fn validate(config: &Model) -> Diagnostics {
        messages::wrong_connection(config) + messages::no_slot_name(config) + messages::nothing_to_receive(config)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let replaces = plan.replaces();
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        let prior = plan.prior.as_ref().filter(|_| !replaces);
        if plan.config.as_ref().is_some_and(|it| it.connection_wo.is_null()) {
            let needed = prior.is_none_or(|prior| planned.sets_connection(prior));
            if needed {
                return Err(messages::no_connection(prior.is_none()).into());
            }
        }
        planned.publisher_slot = planned.slot();
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("create subscription `{name}`"));
        let db = call.new_database(&plan, |database| SubscriptionId { database, name: name.clone() }).await?;
        let found = apply::create(&db, &plan, &name).await?;
        call.remember_database(db.at()).await;
        Ok(plan.observed(db.at(), &found))
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("read subscription `{name}`"));
        call.begins(&state.id, &());
        let db = call.database_of(&state).await?;
        let Some(found) = db.subscription(name).await? else {
            if !state.is_imported() {
                cx.warn(messages::is_gone(db.at(), name, state.publisher_slot.known()));
            }
            return Ok(None);
        };
        call.sees(&SubscriptionId { database: db.at().clone(), name: name.clone() }).await;
        Ok(Some(state.observed(db.at(), &found)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("change subscription `{name}`"));
        let db = call.planned_database_of(&plan).await?;
        let found = apply::update(&db, &prior, &plan, &name).await?;
        Ok(plan.observed(db.at(), &found))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete subscription `{name}`"));
        let db = call.database_of(&state).await?;
        apply::delete(&db, &state, name).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let id: SubscriptionId = import(id)?;
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

#[cfg(test)]
mod tests;
