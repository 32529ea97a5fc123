//! `neonrep_replica_identity`: what of an old row an UPDATE or DELETE of a table sends along.
//!
//! Terraform's side only. Statements and catalogue reads are in `postgres::replica_identity` and `postgres::table`.

mod change;
mod judge;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{object_of, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, Type, identity, model, path};

use super::access::{budget, checked_location, not_checked, place, policy, removed_with_its_container, session};
use super::location::{self, known, optional};
use crate::context::{Context, Data};
use crate::explain;
use crate::postgres::replica_identity::Mode;
use crate::postgres::{IndexName, SchemaName, TableName};
use crate::session::{Location, NaturalKey, Place};
use change::{Outcome, has_identity};

/// The resource.
pub(crate) struct ReplicaIdentity;

/// What Terraform stores, field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    id: Attr<String>,
    project_id: Attr<String>,
    branch_id: Attr<String>,
    database: Attr<String>,
    schema: Attr<String>,
    table: Attr<String>,
    mode: Attr<String>,
    index_name: Attr<String>,
    on_destroy: Attr<String>,
    connect_as: Attr<String>,
    original: Attr<Original>,
    timeouts: Attr<Timeouts>,
}

/// What the table had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Original {
    mode: Attr<String>,
    index_name: Attr<String>,
}

const IMPORT: &str = "<project_id>/<branch_id>/<database>/<schema>/<table>";
const MODES: [&str; 4] = ["default", "full", "nothing", "index"];
const RESTORE: &str = "restore";
const KEEP: &str = "keep";

impl Resource for ReplicaIdentity {
    const TYPE: &'static str = "neonrep_replica_identity";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("replica_identity.md"))
            .attributes(location::attributes())
            .attribute(
                "schema",
                string()
                    .default("public")
                    .replaces_if_set()
                    .parsed_by(SchemaName::parse)
                    .doc("Schema of the table."),
            )
            .attribute(
                "table",
                string()
                    .required()
                    .replaces_if_set()
                    .parsed_by(|name| TableName::parse("public", name))
                    .doc("Name of the table. Only this one is changed: partitions have identities of their own."),
            )
            .attribute(
                "mode",
                string().required().one_of(MODES).doc(
                    "`default`: the primary key. `full`: the whole old row. `nothing`: no identity, so that updates and \
                     deletes cannot be published. `index`: the columns of `index_name`.",
                ),
            )
            .attribute(
                "index_name",
                string().optional().parsed_by(IndexName::parse).doc(
                    "With mode `index`, and only then: a unique index of the table, not partial, not deferrable, over \
                     columns that are `NOT NULL`.",
                ),
            )
            .attribute(
                "on_destroy",
                string().default(RESTORE).one_of([RESTORE, KEEP]).doc(
                    "`restore` gives the table back what it had before; that is refused when a publication of the table \
                     could not use it. `keep` leaves it as it is.",
                ),
            )
            .attribute("connect_as", location::connect_as())
            .attribute(
                "id",
                string().computed().keeps_prior().doc(
                    "`project/branch/database/schema/table`. Unknown until the identity is set, so that what references it \
                     comes after.",
                ),
            )
            .attribute(
                "original",
                object_of([("mode", Type::String), ("index_name", Type::String)])
                .computed()
                .keeps_prior()
                .doc("Mode and index that the table had before this resource. Null after an import: it is not known then."),
            )
            .timeouts()
            .import_id(IMPORT)
    }

    fn validate(config: &Model) -> Diagnostics {
        let Attr::Known(mode) = &config.mode else { return Diagnostics::none() };
        let problem = match (mode.as_str(), &config.index_name) {
            ("index", Attr::Null) => "`index_name` is needed with mode `index`: it names the unique index to use.",
            (other, Attr::Known(_)) if other != "index" => "`index_name` is for mode `index` only.",
            _ => return Diagnostics::none(),
        };
        Diagnostic::error("Mode and `index_name` do not fit", problem).at(path!(index_name)).into()
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        let Some(planned) = plan.planned.as_ref().filter(|_| !plan.replaces() && !policy(cx).is_off()) else {
            return Diagnostics::none();
        };
        let configured = plan.config.as_ref().map(|it| &it.branch_id);
        let location = checked_location(&planned.project_id, &planned.branch_id, configured, &planned.database);
        let (Some(location), Ok(table), Ok(mode)) = (location, planned.table(), planned.mode()) else {
            return Diagnostics::none();
        };
        match judge::plan(cx, &location, &table, &mode, planned).await {
            Ok(found) => found,
            Err(error) => not_checked(cx, &location, &error),
        }
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let (table, mode) = (plan.table()?, plan.mode()?);
        let doing = format!("set replica identity of `{table}`");
        let place = place(cx, &plan.location()?, &doing).await?;
        let outcome = change::set(cx, &place, &plan, &table, &mode, &doing).await?;
        let original = match outcome {
            Outcome::Done(original) => original,
            Outcome::Refused(problem) => return Err(problem.into()),
        };
        session(cx).natural_keys().remember(key(&place, &table));
        let (was, index) = words(&original);
        let model = Model {
            id: Attr::Known(id(&place, &table)),
            branch_id: plan.branch_id.clone().or_found(|| Attr::Known(place.branch.to_string())),
            original: plan
                .original
                .clone()
                .or_found(|| Attr::Known(Original { mode: Attr::Known(was), index_name: index.into() })),
            ..plan
        };
        cx.checkpoint(&model);
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let table = state.table()?;
        let doing = format!("read replica identity of `{table}`");
        let place = place(cx, &state.location()?, &doing).await?;
        let names = BTreeSet::from([table.clone()]);
        let tables = match session(cx).tables_named(&place, &names, &budget(cx)).await {
            Ok(tables) => tables,
            Err(error) if error.is_gone() => return Ok(None),
            Err(error) => return Err(explain::session(&doing, &error).into()),
        };
        let Some(found) = tables.get(&table).filter(|it| has_identity(it)) else { return Ok(None) };
        let (mode, index) = words(&found.identity);
        Ok(Some(Model {
            id: Attr::Known(id(&place, &table)),
            branch_id: Attr::Known(place.branch.to_string()),
            mode: Attr::Known(mode),
            index_name: index.into(),
            on_destroy: if state.on_destroy.is_null() { Attr::Known(RESTORE.to_owned()) } else { state.on_destroy },
            ..state
        }))
    }

    async fn update(&self, cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let (table, mode) = (plan.table()?, plan.mode()?);
        let doing = format!("change replica identity of `{table}`");
        let place = place(cx, &plan.location()?, &doing).await?;
        match change::set(cx, &place, &plan, &table, &mode, &doing).await? {
            Outcome::Done(_) => {}
            Outcome::Refused(problem) => return Err(problem.into()),
        }
        // What was there before an import is not known.
        Ok(Model { original: plan.original.clone().or_found(|| Attr::Null), ..plan })
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let table = state.table()?;
        let what = format!("replica identity of `{table}`");
        if state.on_destroy.known().is_some_and(|it| it == KEEP) {
            return Ok(());
        }
        let location = state.location()?;
        let place = place(cx, &location, &format!("delete {what}")).await?;
        let stays = |why: &str| {
            cx.warn(Diagnostic::warning(
                format!("Table `{table}` keeps its replica identity"),
                format!("{why} It was dropped from the state only."),
            ));
            Ok(())
        };
        if session(cx).natural_keys().holds(&key(&place, &table)) {
            return stays(
                "Another resource of this run has set it (`create_before_destroy`), and both mean the same table.",
            );
        }
        let Some(original) = state.original()? else {
            return stays("What it was before this resource was imported is not known.");
        };
        let restored = change::restore(cx, &place, &state, &table, &original).await;
        match restored {
            Ok(Outcome::Done(_)) => Ok(()),
            Ok(Outcome::Refused(problem)) => Err(problem.into()),
            Err(error) => removed_with_its_container(cx, &what, &location.project, &error).await,
        }
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let parts = identity::parts::<5>(id, IMPORT)?;
        let [project, branch, database, schema, table] = &parts;
        location::place(project, branch, database).map_err(|problem| identity::bad_id(&problem, IMPORT))?;
        TableName::parse(schema, table).map_err(|wrong| identity::bad_id(&wrong.to_string(), IMPORT))?;
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        let [project, branch, database, schema, table] = parts.map(Attr::Known);
        Ok(Model {
            id: Attr::Known(id.to_owned()),
            project_id: project,
            branch_id: branch,
            database,
            schema,
            table,
            ..nulls
        })
    }
}

impl Model {
    fn location(&self) -> Result<Location, Diagnostics> {
        location::location(&self.project_id, &self.branch_id, &self.database)
    }

    fn table(&self) -> Result<TableName, Diagnostics> {
        let schema = known(&self.schema, path!(schema), SchemaName::parse)?;
        known(&self.table, path!(table), |name| TableName::parse(schema.as_str(), name))
    }

    fn mode(&self) -> Result<Mode, Diagnostics> {
        let index = optional(&self.index_name, path!(index_name), IndexName::parse)?;
        if self.index_name.is_unknown() {
            return Err(Diagnostic::bug("`index_name` is not known where it is needed.").at(path!(index_name)).into());
        }
        known(&self.mode, path!(mode), |word| parse_mode(word, index.clone()))
    }

    /// What was there before; none if that is not known.
    fn original(&self) -> Result<Option<Mode>, Diagnostics> {
        let Attr::Known(original) = &self.original else { return Ok(None) };
        let index = optional(&original.index_name, path!(original), IndexName::parse)?;
        match &original.mode {
            Attr::Known(_) => known(&original.mode, path!(original), |word| parse_mode(word, index.clone())).map(Some),
            Attr::Null | Attr::Unknown => Ok(None),
        }
    }
}

fn parse_mode(word: &str, index: Option<IndexName>) -> Result<Mode, String> {
    match word {
        "default" => Ok(Mode::Default),
        "full" => Ok(Mode::Full),
        "nothing" => Ok(Mode::Nothing),
        "index" => Ok(Mode::Index(index)),
        other => Err(format!("must be one of `default`, `full`, `nothing` and `index`, not `{other}`")),
    }
}

/// Mode and index as the attributes say them.
fn words(mode: &Mode) -> (String, Option<String>) {
    let index = match mode {
        Mode::Index(index) => index.as_ref().map(ToString::to_string),
        _ => None,
    };
    (mode.as_str().to_owned(), index)
}

fn id(place: &Place, table: &TableName) -> String {
    let (project, branch, database) = (place.project.as_str(), place.branch.as_str(), place.database.as_str());
    identity::id(&[project, branch, database, table.schema.as_str(), table.name()])
}

fn key(place: &Place, table: &TableName) -> NaturalKey {
    let (project, branch, database) = (place.project.as_str(), place.branch.as_str(), place.database.as_str());
    NaturalKey::new("replica_identity", [project, branch, database, table.schema.as_str(), table.name()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::kinds::erased;

    fn model() -> Model {
        let nulls: Model = model::nulls(&ReplicaIdentity::schema()).unwrap();
        Model { schema: Attr::Known("public".into()), table: Attr::Known("t".into()), ..nulls }
    }

    #[test]
    fn model_and_schema_agree() {
        erased::resource(ReplicaIdentity).agrees().unwrap();
    }

    #[test]
    fn an_index_is_named_with_mode_index_and_only_then() {
        let known = |text: &str| Attr::Known(text.to_owned());
        for (mode, index, wrong) in [
            (known("index"), Attr::Null, true),
            (known("index"), known("i"), false),
            (known("index"), Attr::Unknown, false),
            (known("full"), known("i"), true),
            (known("full"), Attr::Null, false),
            (Attr::Unknown, known("i"), false),
            (Attr::Unknown, Attr::Null, false),
        ] {
            let config = Model { mode: mode.clone(), index_name: index.clone(), ..model() };
            assert_eq!(ReplicaIdentity::validate(&config).has_errors(), wrong, "{mode:?} {index:?}");
        }
    }

    #[test]
    fn modes_are_words_and_back() {
        let index = IndexName::parse("i").ok();
        for mode in [Mode::Default, Mode::Full, Mode::Nothing, Mode::Index(index.clone()), Mode::Index(None)] {
            let (word, name) = words(&mode);
            let name = name.map(|it| IndexName::parse(&it).unwrap());
            assert_eq!(parse_mode(&word, name), Ok(mode));
        }
        assert!(parse_mode("FULL", None).is_err());
    }

    #[test]
    fn an_import_id_names_a_table() {
        let id = "shiny-wind-028834/br-aged-salad-637688/neondb/my%2Fschema/a.b";
        let imported = ReplicaIdentity::import(id).unwrap();
        assert_eq!(imported.table().unwrap().to_string(), "my/schema.a.b");
        let place = location::place("shiny-wind-028834", "br-aged-salad-637688", "neondb").unwrap();
        assert_eq!(super::id(&place, &imported.table().unwrap()), id);
        assert!(imported.original.is_null() && imported.mode.is_null());
        for wrong in ["", "a/b/c/d", "p/br/neondb/public/", "shiny-wind-028834/br-aged-salad-637688/neondb//t"] {
            assert!(ReplicaIdentity::import(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_before_is_known_only_when_it_was_recorded() {
        let original = |mode: &str, index: Attr<String>| {
            let original = Original { mode: Attr::Known(mode.into()), index_name: index };
            Model { original: Attr::Known(original), ..model() }.original().unwrap()
        };
        assert_eq!(model().original().unwrap(), None);
        assert_eq!(original("default", Attr::Null), Some(Mode::Default));
        assert_eq!(original("index", Attr::Known("i".into())), Some(Mode::Index(IndexName::parse("i").ok())));
    }
}
