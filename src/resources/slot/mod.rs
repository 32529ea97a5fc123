//! `neonrep_slot`: where a consumer's changes are kept until it has received them.
//!
//! The order of publication and slot is by record: state holds the oid of the publication that the slot was made after.
//! What a plan comes to is in `plan`, what it says in `judge`, the calls that change something in `life`.

mod judge;
mod life;
mod plan;
mod reference;
mod status;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, number, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, identity, model, path};

use super::access::{budget, place, session};
use super::location::{self, known};
use crate::context::{Context, Data};
use crate::explain;
use crate::postgres::publication::Publication;
use crate::postgres::slot::{self, Slot as Found};
use crate::postgres::{PublicationName, SlotName};
use crate::session::{Location, NaturalKey, Place};
use reference::Reference;
use status::Status;

/// The resource.
pub(crate) struct Slot;

/// What Terraform stores, field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    id: Attr<String>,
    publication_id: Attr<String>,
    project_id: Attr<String>,
    branch_id: Attr<String>,
    database: Attr<String>,
    name: Attr<String>,
    allow_recreate: Attr<bool>,
    deletion_protection: Attr<bool>,
    terminate_consumer: Attr<bool>,
    connect_as: Attr<String>,
    slot_name: Attr<String>,
    publication_name: Attr<String>,
    publication_oid: Attr<u32>,
    status: Attr<String>,
    invalidation_reason: Attr<String>,
    timeouts: Attr<Timeouts>,
}

const IMPORT: &str = "<project_id>/<branch_id>/<database>/<slot>[/<publication>]";

/// The output plugin.
const PLUGIN: &str = "pgoutput";

/// In private state: that the unknown order of an imported slot was said.
const ORDER_SAID: &str = "order_unknown_said";

impl Resource for Slot {
    const TYPE: &'static str = "neonrep_slot";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let computed = |doc: &str| string().computed().keeps_prior().doc(doc);
        Schema::new(include_str!("slot.md"))
            .attribute(
                "publication_id",
                string().required().doc(
                    "`neonrep_publication.x.id`, or a publication's id written out. A known id must name a publication that \
                     is there now; an unknown one is made by the same run, first. Behind an existing slot only a publication \
                     that is proved to be older than the slot can take its place.",
                ),
            )
            .attribute(
                "name",
                string().required().replaces_if_set().parsed_by(SlotName::parse).doc(
                    "Name of the slot: lower case letters, digits and underscores, unique in the whole branch.",
                ),
            )
            .attribute(
                "allow_recreate",
                boolean().default(false).doc(
                    "Agree that a slot that is missing or lost, or whose publication was made anew, is made again. Its \
                     consumer must then sync anew.",
                ),
            )
            .attribute(
                "deletion_protection",
                boolean().default(false).doc(
                    "Refuse to drop the slot. Judged by the value in the state: to drop the slot, first apply `false`. A slot \
                     that is missing or lost is not protected.",
                ),
            )
            .attribute(
                "terminate_consumer",
                boolean().default(false).doc(
                    "At destroy, end the consumer that is connected. Without it, destroy waits for it to leave until the \
                     timeout.",
                ),
            )
            .attribute("connect_as", location::connect_as())
            .attribute("id", computed("`project/branch/database/name`."))
            .attribute("project_id", computed("Id of the Neon project, that of the publication."))
            .attribute("branch_id", computed("Id of the branch, that of the publication."))
            .attribute("database", computed("Name of the database, that of the publication."))
            .attribute("slot_name", computed("Name of the slot, as the consumer takes it."))
            .attribute("publication_name", computed("Name of the publication, as the consumer takes it."))
            .attribute(
                "publication_oid",
                number().computed().keeps_prior().doc("Oid of the publication that the slot was made after."),
            )
            .attribute(
                "status",
                string().computed().default(Status::Ok.as_str()).doc(
                    "`ok`; `missing`: the slot is gone; `lost`: what it kept was removed; `publication_missing`: its \
                     publication is gone; `publication_recreated`: there is another publication of the name. All but `ok` \
                     mean that the consumer must sync anew.",
                ),
            )
            .attribute("invalidation_reason", string().computed().doc("Why the slot is lost, where the server says."))
            .timeouts()
            .import_id(IMPORT)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        plan::modify(plan)
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        judge::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        life::create(cx, plan).await
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name()?;
        let doing = format!("read slot `{name}`");
        let place = place(cx, &state.location()?, &doing).await?;
        let publication = state.publication()?;
        let (found, behind) = match observe(cx, &place, &name, publication.as_ref()).await {
            Ok(observed) => observed,
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(explain::session(&doing, &error).into()),
        };
        let imported = state.status.is_null();
        if imported {
            match &found {
                None => return Ok(None),
                Some(found) if !found.is(&place.database, PLUGIN) => return Err(status::not_ours(found, &place).into()),
                Some(_) => {}
            }
        }
        let found = found.filter(|it| it.is(&place.database, PLUGIN));
        let recorded = state.publication_oid.known().copied();
        let status = status::of(found.as_ref(), publication.is_some(), behind.as_ref(), recorded);
        if let Some(warning) = status::warning(status, &name, publication.as_ref(), found.as_ref()) {
            cx.warn(warning);
        }
        if imported && let Some(behind) = &behind {
            said_unknown_order(cx, &place, &name, behind).await;
        }
        Ok(Some(state.observed(&place, &name, found.as_ref(), publication.as_ref(), behind.as_ref(), status)))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        life::update(cx, prior, plan).await
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        life::delete(cx, state).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let wrong = |problem: &str| identity::bad_id(problem, IMPORT);
        let parts = identity::split(id).map_err(|problem| wrong(&problem))?;
        let (project, branch, database, name, publication) = match parts.as_slice() {
            [project, branch, database, name] => (project, branch, database, name, None),
            [project, branch, database, name, publication] => (project, branch, database, name, Some(publication)),
            other => return Err(wrong(&format!("`{id}` has {} parts, not 4 or 5", other.len()))),
        };
        let place = location::place(project, branch, database).map_err(|problem| wrong(&problem))?;
        let name = SlotName::parse(name).map_err(|problem| wrong(&problem.to_string()))?;
        let publication = match publication {
            None => Attr::Null,
            Some(text) => {
                let publication = PublicationName::parse(text).map_err(|problem| wrong(&problem.to_string()))?;
                Attr::Known(Reference { place: place.clone(), publication }.id())
            }
        };
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        Ok(Model {
            id: Attr::Known(self::id(&place, &name)),
            publication_id: publication,
            project_id: Attr::Known(place.project.to_string()),
            branch_id: Attr::Known(place.branch.to_string()),
            database: Attr::Known(place.database.to_string()),
            name: Attr::Known(name.to_string()),
            ..nulls
        })
    }
}

/// Slot and publication as they are now. The slot may be another one of the same name.
async fn observe(
    cx: &Context,
    place: &Place,
    name: &SlotName,
    publication: Option<&Reference>,
) -> Result<(Option<Found>, Option<Publication>), crate::session::Error> {
    let found = session(cx).slot(place, name, &budget(cx)).await?;
    let behind = match publication.filter(|it| it.place == *place) {
        Some(it) => session(cx).publication(place, &it.publication, &budget(cx)).await?,
        None => None,
    };
    Ok((found, behind))
}

/// Says once that nothing proves which of both is older; the catalogue can prove it in one direction only.
async fn said_unknown_order(cx: &Context, place: &Place, name: &SlotName, publication: &Publication) {
    if cx.private().get::<bool>(ORDER_SAID).is_some() {
        return;
    }
    let oid = publication.oid;
    let proved = session(cx)
        .read(place, &budget(cx), "reading a slot", |it| async move {
            slot::is_publication_proved_older(&it, oid, name).await
        })
        .await;
    if !matches!(proved, Ok(true)) {
        cx.warn(status::order_unknown(name, &publication.name));
    }
    cx.set_private(ORDER_SAID, &true);
}

impl Model {
    fn location(&self) -> Result<Location, Diagnostics> {
        location::location(&self.project_id, &self.branch_id, &self.database)
    }

    fn name(&self) -> Result<SlotName, Diagnostics> {
        known(&self.name, path!(name), SlotName::parse)
    }

    /// The publication that `publication_id` names; none when that is null or unknown.
    fn publication(&self) -> Result<Option<Reference>, Diagnostics> {
        match &self.publication_id {
            Attr::Known(id) => Reference::parse(id).map(Some),
            Attr::Null | Attr::Unknown => Ok(None),
        }
    }

    fn status(&self) -> Status {
        self.status.known().and_then(|word| Status::parse(word)).unwrap_or(Status::Ok)
    }

    fn observed(
        self,
        place: &Place,
        name: &SlotName,
        found: Option<&Found>,
        publication: Option<&Reference>,
        behind: Option<&Publication>,
        status: Status,
    ) -> Self {
        let or_false = |attribute: Attr<bool>| if attribute.is_null() { Attr::Known(false) } else { attribute };
        let accepted = behind.filter(|it| status::is_accepted(it, self.publication_oid.known().copied()));
        Self {
            id: Attr::Known(id(place, name)),
            branch_id: Attr::Known(place.branch.to_string()),
            allow_recreate: or_false(self.allow_recreate),
            deletion_protection: or_false(self.deletion_protection),
            terminate_consumer: or_false(self.terminate_consumer),
            slot_name: Attr::Known(name.to_string()),
            publication_name: publication.map(|it| it.publication.to_string()).into(),
            publication_oid: accepted.map_or(self.publication_oid, |it| Attr::Known(it.oid)),
            status: Attr::Known(status.as_str().to_owned()),
            invalidation_reason: found.and_then(|it| it.invalidation_reason.clone()).into(),
            ..self
        }
    }
}

fn id(place: &Place, name: &SlotName) -> String {
    identity::id(&[place.project.as_str(), place.branch.as_str(), place.database.as_str(), name.as_str()])
}

/// Names of slots are unique in the branch, whatever the database.
fn key(place: &Place, name: &SlotName) -> NaturalKey {
    NaturalKey::new("slot", [place.project.as_str(), place.branch.as_str(), name.as_str()])
}

#[cfg(test)]
mod tests;
