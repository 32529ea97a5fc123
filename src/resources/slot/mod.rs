//! `neonrep_slot`: keeps the changes that one consumer has not received yet.
//!
//! The order of publication and slot is kept by record: the state holds the OID of the publication that the slot was
//! created after.

mod apply;
mod check;
mod messages;
mod model;
mod plan;

use tfplugin::schema::{boolean, number, string};
use tfplugin::{Diagnostics, Plan, Resource, Schema, identity, path};

use crate::handler::{Call, Context, Data, Db, attributes, nulls};
use crate::postgres::publication::Publication;
use crate::postgres::slot;
use crate::postgres::{PublicationName, SlotName};
use crate::target::{PublicationId, SlotId};
use model::{Model, Seen, Status};

pub(crate) struct Slot;

/// The output plugin.
const PLUGIN: &str = "pgoutput";

/// The last part is what an import may add to the slot's own id.
const IMPORT: &str = "<project_id>/<branch_id>/<database>/<slot>[/<publication>]";

/// In private state: the unknown order of an imported slot was told.
const ORDER_SAID: &str = "order_unknown_said";

impl Resource for Slot {
    const TYPE: &'static str = "neonrep_slot";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let computed = |doc: &str| string().computed().keeps_prior().doc(doc);
        Schema::new(include_str!("page.md"))
            .attribute(
                "publication_id",
                string().required().parsed_by(str::parse::<PublicationId>).doc(
                    "`neonrep_publication.<name>.id`, or the ID of another publication. If it is known at plan, it must name an \
                     existing publication. An existing slot accepts another publication only if the publication is proved to \
                     be older than the slot.",
                ),
            )
            .attribute(
                "name",
                string().required().replaces_if_set().parsed_by(SlotName::parse).doc(
                    "Name of the slot: lower-case letters, digits and underscores. Unique across all databases of the branch.",
                ),
            )
            .attribute(
                "allow_recreate",
                boolean().default(false).doc(
                    "Allow the provider to recreate a slot that is missing or lost, or whose publication was recreated. Its \
                     consumer then needs a new initial sync.",
                ),
            )
            .attribute(
                "deletion_protection",
                boolean().default(false).doc(
                    "Refuse to destroy or replace the slot. The value in the state counts: to drop the slot, apply `false` first. \
                     A slot that is missing or lost is not protected.",
                ),
            )
            .attribute(
                "terminate_consumer",
                boolean().default(false).doc(
                    "Disconnect the consumer when the slot is destroyed. Otherwise destroy waits for it to disconnect.",
                ),
            )
            .attribute("connect_as", attributes::connect_as())
            .attribute("id", computed("`project/branch/database/name`."))
            .attribute("project_id", computed("ID of the publication's Neon project."))
            .attribute("branch_id", computed("ID of the publication's branch."))
            .attribute("database", computed("Name of the publication's database."))
            .attribute("slot_name", computed("Name of the slot, for the configuration of the consumer."))
            .attribute("publication_name", computed("Name of the publication, for the configuration of the consumer."))
            .attribute(
                "publication_oid",
                number().computed().keeps_prior().doc("OID of the publication that the slot was created after."),
            )
            .attribute(
                "status",
                string().computed().default(Status::Ok.as_str()).doc(
                    "`ok`, `missing`, `lost`, `publication_missing` or `publication_recreated`. Any value other than `ok` means \
                     that the consumer needs a new initial sync.",
                ),
            )
            .attribute("invalidation_reason", string().computed().doc("Why the slot is lost (Postgres 17 or later)."))
            .timeouts()
            .import_id(IMPORT)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        plan::modify(plan)
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let publication = plan.publication_id.need(path!(publication_id))?.clone();
        let call = Call::new(cx, format!("create slot `{name}`"));
        let db = call.at(publication.database.clone());
        apply::create(&db, plan, &name, &publication).await
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("read slot `{name}`"));
        let db = call.database(&state).await?;
        let publication = state.publication_id.known();
        let Some(found) = db.slot(&name).await? else { return Ok(None) };
        let behind = match publication.filter(|it| it.database == *db.at()) {
            Some(it) => db.publication(&it.name).await?,
            None => None,
        };
        if state.is_imported() {
            match &found {
                None => return Ok(None),
                Some(found) if !found.is(&db.at().name, PLUGIN) => {
                    return Err(messages::not_ours(db.at(), found).into());
                }
                Some(_) => {}
            }
        }
        let found = found.filter(|it| it.is(&db.at().name, PLUGIN));
        let recorded = state.publication_oid.known().copied();
        let seen = Seen::of(found.as_ref(), behind.as_ref(), publication.is_some(), recorded);
        let publication = publication.map(|it| &it.name);
        let agreed = state.allow_recreate.is_true();
        messages::warning(db.at(), &name, publication, &seen, agreed).into_iter().for_each(|it| cx.warn(it));
        if let Some(behind) = behind.as_ref().filter(|_| state.is_imported()) {
            say_unknown_order(&db, &name, behind).await;
        }
        Ok(Some(state.observed(db.at(), &name, seen)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let publication = plan.publication_id.need(path!(publication_id))?.clone();
        let call = Call::new(cx, format!("change slot `{name}`"));
        let db = call.database(&prior).await?;
        apply::update(&db, &prior, plan, &name, &publication).await
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete slot `{name}`"));
        let db = call.database(&state).await?;
        apply::delete(&db, &state, name).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let (id, publication) = parse_import(id).map_err(|wrong| identity::bad_id(&wrong, IMPORT))?;
        let publication = publication.map(|name| PublicationId { database: id.database.clone(), name });
        Ok(Model {
            publication_id: publication.into(),
            project_id: id.database.server.project_id().cloned().into(),
            branch_id: id.database.server.branch_id().cloned().into(),
            database: id.database.name.clone().into(),
            name: id.name.clone().into(),
            id: id.into(),
            ..nulls::<Self>()?
        })
    }
}

/// The slot that an import names, and its publication. The error is a sentence without its period.
fn parse_import(id: &str) -> Result<(SlotId, Option<PublicationName>), String> {
    let parts = identity::split(id)?;
    let (slot, publication) = match parts.as_slice() {
        [slot @ .., publication] if slot.len() == 4 => (slot, Some(publication)),
        slot => (slot, None),
    };
    let slot: Vec<&str> = slot.iter().map(String::as_str).collect();
    let publication = publication.map(|it| PublicationName::parse(it).map_err(|wrong| wrong.to_string()));
    Ok((identity::id(&slot).parse()?, publication.transpose()?))
}

/// Tells once that nothing proves which of both is older; the catalog can prove it in one direction only.
async fn say_unknown_order(db: &Db<'_>, name: &SlotName, publication: &Publication) {
    let (call, cx) = (db.call(), db.call().cx());
    if cx.private().get::<bool>(ORDER_SAID).is_some() {
        return;
    }
    let oid = publication.oid;
    let proved = call
        .target()
        .read(db.at(), &call.budget(), "reading a slot", |it| async move {
            slot::is_publication_proved_older(&it, oid, name).await
        })
        .await;
    if !matches!(proved, Ok(true)) {
        cx.warn(messages::order_unknown(name, &publication.name));
    }
    cx.set_private(ORDER_SAID, &true);
}

#[cfg(test)]
mod tests;
