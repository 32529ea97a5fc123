//! `neonrep_publication`: which changes of which tables a consumer may receive.
//!
//! Terraform's side only. Statements and catalogue reads are in `postgres::publication`; what is decided inside a
//! transaction is in `change`, what a plan says in `judge`.

mod change;
mod entry;
mod judge;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, number, set_of, set_of_objects, string};
use tfplugin::value::{SetValue, Value};
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, Type, identity, model, path};

use super::access::{budget, checked_location, not_checked, place, policy, removed_with_its_container, session};
use super::location::{self, known};
use crate::context::{Context, Data};
use crate::explain;
use crate::postgres::PublicationName;
use crate::postgres::publication::{Definition, Listing, Operation, Publication as Found, Wish};
use crate::session::{Location, NaturalKey, Place};
use entry::Entry;

/// The resource.
pub(crate) struct Publication;

/// What Terraform stores, field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    id: Attr<String>,
    project_id: Attr<String>,
    branch_id: Attr<String>,
    database: Attr<String>,
    name: Attr<String>,
    tables: Attr<BTreeSet<Entry>>,
    all_tables: Attr<bool>,
    publish: Attr<BTreeSet<String>>,
    publish_via_partition_root: Attr<bool>,
    adopt: Attr<bool>,
    allow_replace: Attr<bool>,
    force_destroy: Attr<bool>,
    connect_as: Attr<String>,
    oid: Attr<u32>,
    owner: Attr<String>,
    adopted: Attr<bool>,
    timeouts: Attr<Timeouts>,
}

const IMPORT: &str = "<project_id>/<branch_id>/<database>/<name>";

/// In private state: whether the last apply left a publication of all tables. A difference that came about outside is
/// told apart from one that configuration asks for.
const APPLIED_ALL_TABLES: &str = "all_tables";

impl Resource for Publication {
    const TYPE: &'static str = "neonrep_publication";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let operations = || Operation::ALL.map(Operation::as_str);
        Schema::new(include_str!("publication.md"))
            .attributes(location::attributes())
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
                    .doc("The tables to publish. Exactly one of `tables` and `all_tables` is needed."),
            )
            .attribute(
                "all_tables",
                boolean().default(false).doc(
                    "Publish each table of the database, also those made later. From a list to all tables, or back, the \
                     publication must be dropped and created: that takes `allow_replace`.",
                ),
            )
            .attribute(
                "publish",
                set_of(Type::String)
                    .default(Value::string_set(operations()))
                    .one_of(operations())
                    .doc("The changes to publish. None is legal."),
            )
            .attribute(
                "publish_via_partition_root",
                boolean()
                    .default(false)
                    .doc("Send changes of partitions as changes of the partitioned table."),
            )
            .attribute(
                "adopt",
                boolean().default(false).doc(
                    "Take over a publication of this name that exists, and change it to what is configured. It is never \
                     dropped: destroy forgets it, with a warning.",
                ),
            )
            .attribute(
                "allow_replace",
                boolean().default(false).doc(
                    "Agree to drop and create in one transaction where a change needs it. Slots behind the publication lose \
                     nothing.",
                ),
            )
            .attribute(
                "force_destroy",
                boolean().default(false).doc("Drop the publication although a consumer streams from it."),
            )
            .attribute("connect_as", location::connect_as())
            .attribute(
                "id",
                string().computed().keeps_prior().doc(
                    "`project/branch/database/name`. Unknown until the publication exists, so that a slot that references it \
                     comes after.",
                ),
            )
            .attribute(
                "oid",
                number()
                    .computed()
                    .keeps_prior()
                    .doc("`pg_publication.oid`. Another one means that the publication was made again."),
            )
            .attribute("owner", string().computed().keeps_prior().doc("The role that owns the publication."))
            .attribute(
                "adopted",
                boolean().computed().keeps_prior().doc("Whether the publication was there before and taken over."),
            )
            .timeouts()
            .import_id(IMPORT)
    }

    fn validate(config: &Model) -> Diagnostics {
        let mut problems = Diagnostics::none();
        match (&config.tables, &config.all_tables) {
            (Attr::Known(tables), Attr::Known(true)) if !tables.is_empty() => problems.push(
                Diagnostic::error(
                    "Both `tables` and `all_tables` are set",
                    "Exactly one of them says what to publish.",
                )
                .at(path!(all_tables)),
            ),
            (Attr::Null, Attr::Null | Attr::Known(false)) => problems.push(Diagnostic::error(
                "Neither `tables` nor `all_tables` is set",
                "Exactly one of them says what to publish.",
            )),
            (Attr::Known(tables), Attr::Null | Attr::Known(false)) if tables.is_empty() => problems.push(
                Diagnostic::error(
                    "`tables` is empty",
                    "A publication without tables sends nothing. List at least one, or set `all_tables`.",
                )
                .at(path!(tables)),
            ),
            _ => {}
        }
        if let Attr::Known(tables) = &config.tables {
            problems.extend(entry::listed_twice(tables));
        }
        problems
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        let replaces = plan.replaces();
        let Some(planned) = &mut plan.planned else { return Ok(()) };
        if let Attr::Known(tables) = &planned.tables {
            let problems =
                entry::foreign_identities(tables, &planned.project_id, &planned.branch_id, &planned.database);
            if problems.has_errors() {
                return Err(problems);
            }
        }
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
        let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces()) else { return Diagnostics::none() };
        let mut found = Diagnostics::none();
        if let Some(prior) = plan.prior.as_ref().filter(|prior| planned.turns(prior)) {
            let applied = cx.private().get::<bool>(APPLIED_ALL_TABLES);
            found.push(judge::turn(planned, applied.is_some_and(|it| planned.all_tables == Attr::Known(it)), prior));
        }
        if policy(cx).is_off() {
            return found;
        }
        let configured = plan.config.as_ref().map(|it| &it.branch_id);
        let location = checked_location(&planned.project_id, &planned.branch_id, configured, &planned.database);
        let (Some(location), Ok(name)) = (location, planned.name()) else { return found };
        match judge::plan(cx, &location, &name, plan.prior.as_ref(), planned).await {
            Ok(more) => found + more,
            Err(error) => found + not_checked(cx, &location, &error),
        }
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name()?;
        let doing = format!("create publication `{name}`");
        let place = place(cx, &plan.location()?, &doing).await?;
        let branch = Attr::Known(place.branch.to_string());
        if let Attr::Known(tables) = &plan.tables {
            let problems = entry::foreign_identities(tables, &plan.project_id, &branch, &plan.database);
            if problems.has_errors() {
                return Err(problems);
            }
        }
        let made = change::create(cx, &place, &plan, &name, &doing).await?;
        session(cx).natural_keys().remember(key(&place, &name));
        cx.set_private(APPLIED_ALL_TABLES, &made.all_tables);
        let model = plan.filled(&place, &made);
        cx.checkpoint(&model);
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let name = state.name()?;
        let doing = format!("read publication `{name}`");
        let place = place(cx, &state.location()?, &doing).await?;
        match session(cx).publication(&place, &name, &budget(cx)).await {
            Ok(Some(found)) => {
                if found.has_extras() {
                    cx.warn(has_extras(&name));
                }
                Ok(Some(state.observed(&place, &found)))
            }
            Ok(None) => Ok(None),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(explain::session(&doing, &error).into()),
        }
    }

    async fn update(&self, cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let name = plan.name()?;
        let doing = format!("change publication `{name}`");
        let place = place(cx, &plan.location()?, &doing).await?;
        let changed = change::update(cx, &place, &plan, &name, &doing).await?;
        cx.set_private(APPLIED_ALL_TABLES, &changed.all_tables);
        Ok(plan.filled(&place, &changed))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let name = state.name()?;
        let location = state.location()?;
        let what = format!("publication `{name}`");
        let place = place(cx, &location, &format!("delete {what}")).await?;
        if session(cx).natural_keys().holds(&key(&place, &name)) {
            cx.warn(Diagnostic::warning(
                format!("Publication `{name}` was kept"),
                "Another resource of this run has made or adopted it under the same name (`create_before_destroy`): both \
                 mean one publication. The old one was dropped from the state only.",
            ));
            return Ok(());
        }
        match change::delete(cx, &place, &state, &name).await {
            Ok(done) => done,
            Err(error) => removed_with_its_container(cx, &what, &location.project, &error).await,
        }
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let parts = identity::parts::<4>(id, IMPORT)?;
        let [project, branch, database, name] = &parts;
        location::place(project, branch, database).map_err(|problem| identity::bad_id(&problem, IMPORT))?;
        PublicationName::parse(name).map_err(|wrong| identity::bad_id(&wrong.to_string(), IMPORT))?;
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        let [project_id, branch_id, database, name] = parts.map(Attr::Known);
        Ok(Model { id: Attr::Known(id.to_owned()), project_id, branch_id, database, name, ..nulls })
    }
}

impl Model {
    fn location(&self) -> Result<Location, Diagnostics> {
        location::location(&self.project_id, &self.branch_id, &self.database)
    }

    fn name(&self) -> Result<PublicationName, Diagnostics> {
        known(&self.name, path!(name), PublicationName::parse)
    }

    /// What the publication shall be; everything must be known.
    fn definition(&self) -> Result<Definition, Diagnostics> {
        let unknown = |what: &str| Diagnostic::bug(format!("`{what}` is not known where it is needed."));
        let all_tables = self.all_tables.is_true();
        let tables = match &self.tables {
            Attr::Known(tables) if !all_tables => {
                let listed = tables.iter().map(|it| Ok((it.table()?, Listing::default())));
                listed.collect::<Result<_, Diagnostics>>()?
            }
            Attr::Unknown => return Err(unknown("tables").into()),
            _ => BTreeMap::new(),
        };
        let Some(publish) = self.operations() else { return Err(unknown("publish").into()) };
        Ok(Definition {
            tables,
            schemas: Wish::AsFound,
            all_tables,
            publish,
            via_partition_root: self.publish_via_partition_root.is_true(),
            generated_columns: Wish::AsFound,
        })
    }

    /// The published changes, if they are known.
    fn operations(&self) -> Option<BTreeSet<Operation>> {
        self.publish.known().map(|words| words.iter().filter_map(|word| Operation::parse(word)).collect())
    }

    /// Whether this plan leads from a list to all tables, or back.
    fn turns(&self, prior: &Self) -> bool {
        matches!((&prior.all_tables, &self.all_tables), (Attr::Known(before), Attr::Known(after)) if before != after)
    }

    /// The plan with what was unknown in it.
    fn filled(self, place: &Place, found: &Found) -> Self {
        Self {
            id: self.id.or_found(|| Attr::Known(id(place, &found.name))),
            branch_id: self.branch_id.or_found(|| Attr::Known(place.branch.to_string())),
            oid: self.oid.or_found(|| Attr::Known(found.oid)),
            owner: self.owner.or_found(|| Attr::Known(found.owner.to_string())),
            adopted: self.adopted.or_found(|| Attr::Known(found.marks.is_adopted())),
            ..self
        }
    }

    /// The state as the server has it; what only the provider knows is kept, or has its default after an import.
    fn observed(self, place: &Place, found: &Found) -> Self {
        let or_false = |attribute: Attr<bool>| if attribute.is_null() { Attr::Known(false) } else { attribute };
        let prior = self.tables.known().cloned().unwrap_or_default();
        Self {
            id: Attr::Known(id(place, &found.name)),
            branch_id: Attr::Known(place.branch.to_string()),
            tables: Attr::Known(entry::observed(found.tables.keys(), &prior)),
            all_tables: Attr::Known(found.all_tables),
            publish: Attr::Known(found.publish.iter().map(ToString::to_string).collect()),
            publish_via_partition_root: Attr::Known(found.via_partition_root),
            adopt: or_false(self.adopt),
            allow_replace: or_false(self.allow_replace),
            force_destroy: or_false(self.force_destroy),
            oid: Attr::Known(found.oid),
            owner: Attr::Known(found.owner.to_string()),
            adopted: if self.adopted.is_null() { Attr::Known(found.marks.is_adopted()) } else { self.adopted },
            ..self
        }
    }
}

fn id(place: &Place, name: &PublicationName) -> String {
    identity::id(&[place.project.as_str(), place.branch.as_str(), place.database.as_str(), name.as_str()])
}

fn key(place: &Place, name: &PublicationName) -> NaturalKey {
    let parts = [place.project.as_str(), place.branch.as_str(), place.database.as_str(), name.as_str()];
    NaturalKey::new("publication", parts)
}

fn has_extras(name: &PublicationName) -> Diagnostic {
    Diagnostic::warning(
        format!("Publication `{name}` has more than is managed here"),
        "Row filters, column lists or whole schemas were added to it outside. They show as no difference, and stay as \
         they are.",
    )
}

#[cfg(test)]
mod tests;
