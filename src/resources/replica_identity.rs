//! `neonrep_replica_identity`: what of an old row an UPDATE or DELETE of a table sends along.
//!
//! Terraform's side only. Statements and catalogue reads are in `postgres::replica_identity` and `postgres::table`.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::access::{Company, budget, checked_location, not_checked, place, policy, refused, remover, session, writer};
use super::access::{removed_with_its_container, settled, unless_cancelled};
use super::location::{self, known, optional};
use crate::checks::{mode_serves_publications, tables_exist, tables_owned};
use crate::context::{Context, Data};
use crate::explain;
use crate::framework::attr::Attr;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::{Plan, Resource};
use crate::framework::schema::{Schema, single, string};
use crate::framework::timeouts::Timeouts;
use crate::framework::{import, model};
use crate::path;
use crate::postgres::replica_identity::{self, Mode, Publisher};
use crate::postgres::table::{self, Kind, Table};
use crate::postgres::{self, Connection, IndexName, SchemaName, TableName, role};
use crate::session::{self, Location, NaturalKey, Place};

/// The resource.
pub(crate) struct ReplicaIdentity;

/// What Terraform stores, field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
                single([
                    ("mode", string().computed().doc("The mode.")),
                    ("index_name", string().computed().doc("The index, with mode `index`.")),
                ])
                .computed()
                .keeps_prior()
                .doc("What the table had before this resource. Null after an import: it is not known then."),
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
        match judge(cx, &location, &table, &mode, planned).await {
            Ok(found) => found,
            Err(error) => not_checked(cx, &location, &error),
        }
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let (table, mode) = (plan.table()?, plan.mode()?);
        let doing = format!("set replica identity of `{table}`");
        let place = place(cx, &plan.location()?, &doing).await?;
        let outcome = set(cx, &place, &plan, &table, &mode, &doing).await?;
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
        match set(cx, &place, &plan, &table, &mode, &doing).await? {
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
        let restored = restore(cx, &place, &state, &table, &original).await;
        match restored {
            Ok(Outcome::Done(_)) => Ok(()),
            Ok(Outcome::Refused(problem)) => Err(problem.into()),
            Err(error) => removed_with_its_container(cx, &what, &location.project, &error).await,
        }
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let parts = import::parts::<5>(id, IMPORT)?;
        let [project, branch, database, schema, table] = &parts;
        location::place(project, branch, database).map_err(|problem| import::bad_id(&problem, IMPORT))?;
        TableName::parse(schema, table).map_err(|wrong| import::bad_id(&wrong.to_string(), IMPORT))?;
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
        let index = optional(&original.index_name, path!(original.index_name), IndexName::parse)?;
        match &original.mode {
            Attr::Known(_) => {
                known(&original.mode, path!(original.mode), |word| parse_mode(word, index.clone())).map(Some)
            }
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
    import::id(&[project, branch, database, table.schema.as_str(), table.name()])
}

fn key(place: &Place, table: &TableName) -> NaturalKey {
    let (project, branch, database) = (place.project.as_str(), place.branch.as_str(), place.database.as_str());
    NaturalKey::new("replica_identity", [project, branch, database, table.schema.as_str(), table.name()])
}

fn has_identity(table: &Table) -> bool {
    matches!(table.kind, Kind::Table | Kind::Partitioned)
}

/// What came of a transaction that may find that it should not.
enum Outcome {
    /// Set; this is what the table had before.
    Done(Mode),
    /// Nothing was changed.
    Refused(Diagnostic),
}

/// The facts on one table.
struct Facts {
    table: Table,
    publishers: Vec<Publisher>,
    index_valid: bool,
}

async fn facts(connection: &Connection, name: &TableName, mode: &Mode) -> postgres::Result<Option<Facts>> {
    let tables = table::read(connection, &BTreeSet::from([name.clone()])).await?;
    let Some(table) = tables.get(name).cloned() else { return Ok(None) };
    // The identity of a partitioned table itself is never used: its partitions hold the rows.
    let publishers =
        if table.kind == Kind::Table { replica_identity::publishers(connection, table.oid).await? } else { Vec::new() };
    let index_valid = match mode {
        Mode::Index(Some(index)) => {
            let indexes = replica_identity::indexes(connection, table.oid).await?;
            indexes.get(index).is_some_and(|it| it.why_unsuitable().is_none())
        }
        _ => false,
    };
    Ok(Some(Facts { table, publishers, index_valid }))
}

/// Sets the mode unless a publication of the table could not use it.
async fn set(
    cx: &Context,
    place: &Place,
    plan: &Model,
    table: &TableName,
    mode: &Mode,
    doing: &str,
) -> Result<Outcome, Diagnostics> {
    let mut connection = writer(cx, place, &plan.connect_as, doing).await?;
    let lost = AtomicBool::new(false);
    let before = Mutex::new(None);
    let done = settled(&mut connection, &lost, async |tx| {
            unless_cancelled(cx)?;
            let Some(facts) = facts(&tx, table, mode).await? else { return Ok(Outcome::Refused(not_there(table))) };
            if let Some(problem) = unsuitable(&tx, &facts, table, mode).await? {
                return Ok(Outcome::Refused(problem));
            }
            let unserved = unserved(&facts, mode);
            if !unserved.is_empty() && facts.table.identity != *mode {
                let advice = "Change the publication first, or choose another mode.";
                return Ok(Outcome::Refused(would_break(doing, table, mode, &unserved, advice)));
            }
            tx.run(&replica_identity::alter(table, &facts.table.identity, mode)).await?;
            // Should this run again after a lost COMMIT, the first look counts.
            let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(Outcome::Done(before.get_or_insert(facts.table.identity).clone()))
        })
    .await;
    session(cx).wrote(place);
    done.map_err(|error| refused(doing, &error, path!(table)))
}

/// Gives back what was there before.
async fn restore(
    cx: &Context,
    place: &Place,
    state: &Model,
    table: &TableName,
    original: &Mode,
) -> Result<Outcome, session::Error> {
    let doing = format!("restore replica identity of `{table}`");
    let mut connection = remover(cx, place, &state.connect_as, &doing, Company::Shared).await?;
    let lost = AtomicBool::new(false);
    let done = settled(&mut connection, &lost, async |tx| {
            unless_cancelled(cx)?;
            let Some(facts) = facts(&tx, table, original).await? else { return Ok((Outcome::Done(original.clone()), false)) };
            if facts.table.identity == *original {
                return Ok((Outcome::Done(original.clone()), false));
            }
            if matches!(original, Mode::Index(_)) && !facts.index_valid {
                return Ok((Outcome::Done(original.clone()), true));
            }
            let unserved = unserved(&facts, original);
            if !unserved.is_empty() {
                let advice = "Destroy the publication first: a `replica_identity_id` in it keeps that order. Or let the table \
                              keep its identity, `on_destroy = \"keep\"` (apply that, then destroy).";
                return Ok((Outcome::Refused(would_break(&doing, table, original, &unserved, advice)), false));
            }
            tx.run(&replica_identity::alter(table, &facts.table.identity, original)).await?;
            Ok((Outcome::Done(original.clone()), false))
        })
    .await;
    session(cx).wrote(place);
    let (outcome, index_gone) = done?;
    if index_gone {
        cx.warn(Diagnostic::warning(
            format!("Table `{table}` keeps its replica identity"),
            "The index that it used before is not there any more, or cannot be used.",
        ));
    }
    Ok(outcome)
}

fn unserved<'a>(facts: &'a Facts, mode: &Mode) -> Vec<(&'a postgres::PublicationName, &'static str)> {
    mode_serves_publications::unserved(&facts.publishers, mode, facts.table.has_primary_key, facts.index_valid)
}

/// Why the table cannot have that identity at all.
async fn unsuitable(
    connection: &Connection,
    facts: &Facts,
    table: &TableName,
    mode: &Mode,
) -> postgres::Result<Option<Diagnostic>> {
    if !has_identity(&facts.table) {
        let detail = format!("`{table}` is a {}. Only tables have a replica identity.", facts.table.kind.as_str());
        return Ok(Some(Diagnostic::error(format!("`{table}` has no replica identity"), detail).at(path!(table))));
    }
    let Mode::Index(Some(index)) = mode else { return Ok(None) };
    if facts.index_valid {
        return Ok(None);
    }
    let indexes = replica_identity::indexes(connection, facts.table.oid).await?;
    let why = match indexes.get(index) {
        None => format!("Table `{table}` has no index `{index}`"),
        Some(it) => format!("Index `{index}` cannot be used: {}", it.why_unsuitable().unwrap_or("it is not valid")),
    };
    let detail = format!(
        "{why}. A replica identity needs a unique index that is not partial, not deferrable and over columns that are NOT NULL."
    );
    Ok(Some(Diagnostic::error(format!("Index `{index}` cannot identify rows"), detail).at(path!(index_name))))
}

fn not_there(table: &TableName) -> Diagnostic {
    let detail = format!(
        "There is no table `{table}` in the database. Names are taken as they are written, with capitals.\n\nMake the table \
         first, or name one that is there. If the table was dropped outside, plan again."
    );
    Diagnostic::error(format!("Table `{table}` does not exist"), detail).at(path!(table))
}

fn would_break(
    doing: &str,
    table: &TableName,
    mode: &Mode,
    unserved: &[(&postgres::PublicationName, &'static str)],
    advice: &str,
) -> Diagnostic {
    let detail =
        format!("{} Nothing was changed.\n\n{advice}", mode_serves_publications::sentence(table, mode, unserved));
    Diagnostic::error(format!("Cannot {doing}: a publication needs it"), detail).at(path!(mode))
}

async fn judge(
    cx: &Context,
    location: &Location,
    table: &TableName,
    mode: &Mode,
    planned: &Model,
) -> Result<Diagnostics, session::Error> {
    let (session, budget, policy) = (session(cx), budget(cx), policy(cx));
    let place = session.place(location, &budget).await?;
    let names = BTreeSet::from([table.clone()]);
    let tables = session.tables_named(&place, &names, &budget).await?;
    let mut found = policy.judge(&tables_exist::CHECK, tables_exist::check(&tables, &names, &path!(table)));
    let Some(there) = tables.get(table).filter(|it| it.identity != *mode) else { return Ok(found) };
    if policy.asks(&mode_serves_publications::CHECK) {
        let facts = session
            .read(&place, &budget, "reading publications of a table", |it| async move { facts(&it, table, mode).await })
            .await?;
        // An index that is not suitable is refused by the apply with better words.
        if let Some(facts) = facts.filter(|it| it.index_valid || !matches!(mode, Mode::Index(_))) {
            let unserved = unserved(&facts, mode);
            found.extend(policy.judge(
                &mode_serves_publications::CHECK,
                mode_serves_publications::check(table, mode, &unserved, &path!(mode)),
            ));
        }
    }
    if policy.asks(&tables_owned::CHECK) {
        let role = match planned.connect_as.known().and_then(|it| postgres::RoleName::parse(it).ok()) {
            Some(role) => role,
            None => session.owner(&place, &budget).await?,
        };
        if there.owner != role {
            let name = &role;
            let role = session
                .read(&place, &budget, "reading a role", |it| async move { role::read(&it, name).await })
                .await?;
            let found_owner = role.and_then(|role| tables_owned::check(&[there], &role, &path!(table)));
            found.extend(policy.judge(&tables_owned::CHECK, found_owner));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::erased;

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
