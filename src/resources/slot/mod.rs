//! `neonrep_slot`: keeps the changes that one consumer has not received yet.
//!
//! The order of publication and slot is kept by record: the state holds the OID of the publication that the slot was
//! created after.

mod apply;
mod check;
mod messages;
mod model;
mod plan;
mod private;

use tfplugin::schema::{boolean, number, string};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, identity, path};

use crate::handler::{Call, Context, Data, attributes, nulls};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::publication::Publication;
use crate::postgres::slot;
use crate::postgres::{DatabaseName, PublicationName, SlotName};
use crate::target::{Database, PublicationId, SlotId};
use apply::Whereabouts;
use model::{Model, PGOUTPUT, Seen, Status};
use private::DATABASE_OID;

pub(crate) struct Slot;

/// The last part is what an import may add to the slot's own id.
const IMPORT: &str = "<project_id>/<branch_id>/<database>/<slot>[/<publication>]";

impl Resource for Slot {
    const TYPE: &'static str = "neonrep_slot";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let computed = |doc: &str| string().computed().keeps_prior().doc(doc);
        // The publication says where the slot is.
        let place = |doc: &str| {
            let doc = format!(
                "{doc} Needed only for plugins other than `pgoutput`: with a publication it is that of the publication."
            );
            string().optional().computed().keeps_prior().replaces_if_set().doc(doc)
        };
        Schema::new(include_str!("page.md"))
            .attribute(
                "publication_id",
                string().optional().parsed_by(str::parse::<PublicationId>).doc(
                    "`neonrep_publication.<name>.id`, or the ID of another publication. Required for the plugin `pgoutput`, and \
                     not allowed for others. If it is known at plan, it must name an existing publication. An existing slot \
                     accepts another publication only if the publication is proved to be older than the slot.",
                ),
            )
            .attribute("project_id", place("ID of the Neon project.").parsed_by(ProjectId::parse))
            .attribute("branch_id", place("ID of the branch. Without a publication it defaults to the default branch.").parsed_by(BranchId::parse))
            .attribute("database", place("Name of the database.").parsed_by(DatabaseName::parse))
            .attribute(
                "name",
                string().required().replaces_if_set().parsed_by(SlotName::parse).doc(
                    "Name of the slot: lower-case letters, digits and underscores. Unique across all databases of the branch.",
                ),
            )
            .attribute(
                "plugin",
                string().default(PGOUTPUT).replaces_if_set().parsed_by(plugin_name).doc(
                    "Output plugin, such as `wal2json`. The server must have it installed.",
                ),
            )
            .attribute(
                "two_phase",
                boolean().default(false).replaces_if_set().doc(
                    "Decode a prepared transaction when it is prepared, not when it is committed. The consumer must support it.",
                ),
            )
            .attribute(
                "failover",
                boolean().default(false).doc(
                    "Synchronize the slot to standbys (Postgres 17 or later). Changes in place, while no consumer is connected.",
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

    fn validate(config: &Model) -> Diagnostics {
        messages::misplaced(config)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        plan::modify(plan)
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        check::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("create slot `{name}`"));
        // The publication may have been unknown when the configuration was checked.
        let misplaced = messages::misplaced(&plan);
        if misplaced.has_errors() {
            return Err(misplaced);
        }
        let db = match &plan.publication_id {
            Attr::Null => call.new_database(&plan, |database| SlotId { database, name: name.clone() }).await?,
            publication => {
                let database = publication.need(path!(publication_id))?.database.clone();
                let resolved = call.resolved(&database.into(), plan.connect_as.known()).await;
                call.at(resolved.map_err(|error| call.failed(&error))?)
            }
        };
        let created = apply::create(&db, plan, &name).await;
        call.remember_database(db.at()).await;
        created
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("read slot `{name}`"));
        call.begins(&state.id, &());
        let recorded = call.database_of(&state).await?;
        let Some((at, found)) = whereabouts(&call, recorded.at(), &name).await? else { return Ok(None) };
        let db = if at == *recorded.at() { recorded } else { call.follow(&recorded.at().name, at) };
        let state = state.moved(db.at());
        let publication = state.publication_id.known().cloned();
        let behind = match publication.as_ref().filter(|it| it.database == *db.at()) {
            Some(it) => db.publication(&it.name).await?,
            None => None,
        };
        let proof = apply::proof(&call, publication.as_ref(), behind.as_ref());
        let publication = publication.map(|it| it.name);
        let found = if state.is_imported() {
            let Some(found) = found else { return Ok(None) };
            if !apply::is_managed(&found, db.at(), publication.as_ref()) {
                return Err(messages::not_ours(db.at(), &found).into());
            }
            Some(found)
        } else {
            found.filter(|it| it.is(&db.at().name, state.plugin()))
        };
        if let Some(found) = &found {
            call.sees(&SlotId { database: db.at().clone(), name: name.clone() }).await;
            if let Some(oid) = found.database_oid {
                cx.set_private(DATABASE_OID, &oid);
            }
        }
        let recorded = state.publication_oid.known().copied();
        let seen = Seen::of(found.as_ref(), behind.as_ref(), publication.is_some(), recorded, &proof);
        let agreed = state.allow_recreate.is_true();
        if let Some(warning) = messages::warning(db.at(), &name, publication.as_ref(), &seen, agreed) {
            cx.warn(warning);
        }
        let claims = |it: &&Publication| recorded.is_some_and(|oid| it.marks.continues(oid));
        if let Some(behind) = behind.as_ref().filter(claims).filter(|_| seen.status == Status::PublicationRecreated) {
            cx.warn(messages::unproved_mark(&name, &behind.name));
        }
        if let Some(behind) = behind.as_ref().filter(|_| state.is_imported()) {
            apply::say_unknown_order(&db, &name, behind).await;
        }
        Ok(Some(state.observed(db.at(), &name, seen)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("change slot `{name}`"));
        let db = call.planned_database_of(&prior).await?;
        match whereabouts(&call, db.at(), &name).await? {
            Some((at, _)) if at == *db.at() => apply::update(&db, &prior, plan, &name).await,
            _ => Err(messages::gone(&name).into()),
        }
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name.need(path!(name))?;
        let call = Call::new(cx, format!("delete slot `{name}`"));
        let recorded = call.database_of(&state).await?;
        // From here on it is looked at by itself: what the plan has seen may be old.
        call.target().wrote(&recorded.at().server);
        let (db, seen) = match apply::find(&call, recorded.at(), name, cx.private().get(DATABASE_OID)).await {
            Ok(Whereabouts::In(at, found)) => (call.at(at), found),
            // What the state says is gone, or cannot be reached: the removal finds out which, and what that means.
            Ok(Whereabouts::Gone) | Err(_) => (recorded, None),
            Ok(Whereabouts::InAnother(found)) => return Err(messages::in_another(name, recorded.at(), &found).into()),
            Ok(Whereabouts::Unseen(error)) => {
                return Err(messages::unseen(&call, name, recorded.at(), &error).into());
            }
        };
        apply::delete(&db, &state, name, seen).await
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

/// The database that a slot is in now, and the slot, or that it is missing there; `None` when it went with its database.
async fn whereabouts(
    call: &Call<'_>,
    recorded: &Database,
    name: &SlotName,
) -> Result<Option<(Database, Option<slot::Slot>)>, Diagnostics> {
    match apply::find(call, recorded, name, call.cx().private().get(DATABASE_OID)).await {
        Ok(Whereabouts::In(at, found)) => Ok(Some((at, found))),
        Ok(Whereabouts::Gone) => Ok(None),
        Ok(Whereabouts::InAnother(found)) => Err(messages::in_another(name, recorded, &found).into()),
        Ok(Whereabouts::Unseen(error)) => Err(messages::unseen(call, name, recorded, &error).into()),
        Err(error) => Err(call.failed(&error)),
    }
}

/// A plugin is a library on the server; its name is of the type `name`, which is cut off after 63 bytes.
fn plugin_name(text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err("the name of a plugin is not empty".to_owned()),
        1..=63 => Ok(()),
        _ => Err("the name of a plugin has at most 63 bytes".to_owned()),
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

#[cfg(test)]
mod tests;
