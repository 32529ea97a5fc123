//! `neonrep_grant`: what a role may read in one database, now and of tables made later.
//!
//! Terraform's side only. What is missing and the statements for it are in `postgres::grant`.

mod change;
mod judge;
mod refusal;
mod scope;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, set_of, set_of_objects, string};
use tfplugin::value::{SetValue, Value};
use tfplugin::{
    Attr, AttributePath, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, Type, identity, model, path,
};

use super::{access, location};
use crate::context::{Context, Data};
use crate::explain;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::grant::Entry;
use crate::postgres::names::Relation;
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::{DatabaseName, RoleName, SchemaName};
use crate::session::{Location, Place};
use scope::{Facts, Scope};

/// The resource.
#[derive(Debug)]
pub(crate) struct Grant;

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<String>,
    branch_id: Attr<String>,
    database: Attr<String>,
    role: Attr<String>,
    schemas: Attr<BTreeSet<String>>,
    tables: Attr<BTreeSet<Table>>,
    privileges: Attr<BTreeSet<String>>,
    future_tables: Attr<bool>,
    future_table_owners: Attr<BTreeSet<String>>,
    connect_as: Attr<String>,
    id: Attr<String>,
    missing: Attr<BTreeSet<String>>,
    timeouts: Attr<Timeouts>,
}

/// One of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    schema: Attr<String>,
    name: Attr<String>,
}

const IMPORT_ID: &str = "<project_id>/<branch_id>/<database>/<role>/<member>[,<member>…]";

/// Key of the private state: the entries that were there before.
const PREEXISTING: &str = "preexisting";

impl Resource for Grant {
    const TYPE: &'static str = "neonrep_grant";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("grant.md"))
            .attributes(location::attributes())
            .attribute(
                "role",
                string().required().replaces_if_set().parsed_by(RoleName::parse).doc("Name of the role that gets the privileges."),
            )
            .attribute(
                "schemas",
                set_of(Type::String)
                    .default(Value::string_set(Vec::<String>::new()))
                    .each_parsed_by(SchemaName::parse)
                    .doc("Names of schemas: all their tables, views, materialized views, partitioned and foreign tables."),
            )
            .attribute(
                "tables",
                set_of_objects([
                    (
                        "schema",
                        string().default("public").parsed_by(SchemaName::parse).doc("Name of the table's schema."),
                    ),
                    ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
                ])
                .default(Value::Set(SetValue::default()))
                .doc("Single tables. At least one of `schemas` and `tables` must not be empty."),
            )
            .attribute(
                "privileges",
                set_of(Type::String)
                    .default(Value::string_set(["SELECT"]))
                    .one_of(TablePrivilege::ALL.map(TablePrivilege::as_str))
                    .doc("Privileges on the tables. `MAINTAIN` needs Postgres 17."),
            )
            .attribute(
                "future_tables",
                boolean().default(true).doc("Set default privileges, so that tables made later in `schemas` are covered."),
            )
            .attribute(
                "future_table_owners",
                set_of(Type::String).optional().each_parsed_by(RoleName::parse).doc(
                    "Roles whose future tables are covered. Without it, the connecting role and the owners of the tables found.",
                ),
            )
            .attribute("connect_as", location::connect_as())
            .attribute(
                "id",
                string()
                    .computed()
                    .keeps_prior()
                    .doc("`project_id/branch_id/database/role`, known when the privileges are given."),
            )
            .attribute(
                "missing",
                set_of(Type::String)
                    .computed()
                    .default(Value::string_set(Vec::<String>::new()))
                    .doc("What the role is to hold and does not. Empty after each apply."),
            )
            .timeouts()
            .import_id(IMPORT_ID)
    }

    fn validate(config: &Model) -> Diagnostics {
        let empty = |known: Option<usize>, unknown: bool| !unknown && known.unwrap_or_default() == 0;
        let no_schemas = empty(config.schemas.known().map(BTreeSet::len), config.schemas.is_unknown());
        let no_tables = empty(config.tables.known().map(BTreeSet::len), config.tables.is_unknown());
        if no_schemas && no_tables {
            return Diagnostic::error(
                "Nothing to grant on",
                "`schemas` and `tables` are both empty. Name a schema or a table; to take all privileges back, remove the resource.",
            )
            .into();
        }
        Diagnostics::none()
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        judge::plan(cx, plan).await
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let scope = plan.scope()?;
        let doing = format!("grant privileges to role `{}`", scope.role);
        let place = access::place(cx, &plan.location()?, &doing).await?;
        let preexisting = change::give(cx, &place, &plan.connect_as, &scope, None).await?;
        cx.set_private(PREEXISTING, &preexisting);
        Ok(plan.made(&place))
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let place = state.place()?;
        let role = location::known(&state.role, path!(role), RoleName::parse)?;
        let doing = format!("read the privileges of role `{role}`");
        let found = access::unless_gone(&doing, session.holdings(&place, &role, &budget).await)?;
        let Some(held) = found else { return Ok(None) };
        let facts =
            access::unless_gone(&doing, Facts::shared(session, &place, state.writer()?, &budget).await.map(Some))?;
        let Some(facts) = facts else { return Ok(None) };
        let state = Model { id: state.made(&place).id, ..state };
        let state = if state.privileges.is_null() {
            match state.imported(&facts, &held)? {
                Some(state) => state,
                None => return Ok(None),
            }
        } else {
            state
        };
        let missing = state.scope()?.wanted(&facts).missing(&facts.tables, &held);
        Ok(Some(Model { missing: texts(&missing).into(), ..state }))
    }

    async fn update(&self, cx: &Context, prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        let place = plan.place()?;
        let before: BTreeSet<Entry> = cx.private().get(PREEXISTING).unwrap_or_default();
        let replaced = change::Before { scope: prior.scope()?, preexisting: before };
        let preexisting = change::give(cx, &place, &plan.connect_as, &plan.scope()?, Some(&replaced)).await?;
        cx.set_private(PREEXISTING, &preexisting);
        Ok(plan.made(&place))
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let place = state.place()?;
        let preexisting: BTreeSet<Entry> = cx.private().get(PREEXISTING).unwrap_or_default();
        change::take_back(cx, &place, &state.connect_as, &state.scope()?, &preexisting).await
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let bad = |wrong: String| identity::bad_id(&explain::sentence(&wrong), IMPORT_ID);
        // The last part is a list, whose members are escaped one by one.
        let (place, members) = id.rsplit_once('/').ok_or_else(|| bad(format!("`{id}` has 1 part, not 5")))?;
        let parts = identity::split(place).map_err(bad)?;
        let [project, branch, database, role] = parts.as_slice() else {
            return Err(bad(format!("`{id}` has {} parts, not 5", parts.len() + 1)));
        };
        location::place(project, branch, database).map_err(bad)?;
        RoleName::parse(role).map_err(|wrong| bad(wrong.to_string()))?;
        let (schemas, tables) = scope::members(members).map_err(bad)?;
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        Ok(Model {
            project_id: project.clone().into(),
            branch_id: branch.clone().into(),
            database: database.clone().into(),
            role: role.clone().into(),
            schemas: schemas.into(),
            tables: tables.into(),
            id: identity::id(&[project, branch, database, role]).into(),
            ..nulls
        })
    }
}

impl Model {
    fn location(&self) -> Result<Location, Diagnostics> {
        location::location(&self.project_id, &self.branch_id, &self.database)
    }

    /// Where an object that exists is.
    fn place(&self) -> Result<Place, Diagnostics> {
        Ok(Place {
            project: location::known(&self.project_id, path!(project_id), ProjectId::parse)?,
            branch: location::known(&self.branch_id, path!(branch_id), BranchId::parse)?,
            database: location::known(&self.database, path!(database), DatabaseName::parse)?,
        })
    }

    fn writer(&self) -> Result<Option<RoleName>, Diagnostics> {
        location::optional(&self.connect_as, path!(connect_as), RoleName::parse)
    }

    /// The planned value with what is known once the privileges are given.
    fn made(&self, place: &Place) -> Self {
        let role = self.role.known().map_or("", String::as_str);
        let id = identity::id(&[place.project.as_str(), place.branch.as_str(), place.database.as_str(), role]);
        Self {
            branch_id: self.branch_id.clone().or_found(|| place.branch.to_string().into()),
            id: match &self.id {
                Attr::Known(_) => self.id.clone(),
                Attr::Null | Attr::Unknown => id.into(),
            },
            missing: self.missing.clone().or_found(|| BTreeSet::new().into()),
            ..self.clone()
        }
    }

    /// What the configuration asks for, parsed.
    fn scope(&self) -> Result<Scope, Diagnostics> {
        Scope::of(self)
    }
}

/// Entries as the user reads them.
fn texts(entries: &BTreeSet<Entry>) -> BTreeSet<String> {
    entries.iter().map(Entry::to_string).collect()
}

/// A set of strings, each parsed; null and unknown are empty.
fn parsed<T: Ord, E: std::fmt::Display>(
    attribute: &Attr<BTreeSet<String>>,
    at: &AttributePath,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<BTreeSet<T>, Diagnostics> {
    let members = attribute.known().into_iter().flatten();
    members.map(|text| location::known(&text.clone().into(), at.clone(), &parse)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_and_schema_agree() {
        assert_eq!(tfplugin::kinds::erased::resource(Grant).agrees(), Ok(()));
    }

    #[test]
    fn something_must_be_named() {
        let nulls: Model = model::nulls(&Grant::schema()).unwrap();
        let set = |names: &[&str]| Attr::Known(names.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>());
        let table = Table { schema: Attr::Null, name: "t".to_owned().into() };
        for (schemas, tables, refused) in [
            (Attr::Null, Attr::Null, true),
            (set(&[]), Attr::Null, true),
            (set(&[]), Attr::Known(BTreeSet::new()), true),
            (set(&["public"]), Attr::Null, false),
            (Attr::Null, Attr::Known([table].into()), false),
            (Attr::Unknown, Attr::Null, false),
            (set(&[]), Attr::Unknown, false),
        ] {
            let config = Model { schemas: schemas.clone(), tables: tables.clone(), ..nulls.clone() };
            assert_eq!(Grant::validate(&config).has_errors(), refused, "{schemas:?} {tables:?}");
        }
    }

    #[test]
    fn an_import_names_members() {
        let imported = Grant::import("p/br-a/neon%2Fdb/r/public,sales.orders,a%2Eb.c%2Cd").unwrap();
        assert_eq!(imported.database, Attr::Known("neon/db".to_owned()));
        assert_eq!(imported.schemas, Attr::Known(["public".to_owned()].into()));
        let table = |schema: &str, name: &str| Table { schema: schema.to_owned().into(), name: name.to_owned().into() };
        assert_eq!(imported.tables, Attr::Known([table("sales", "orders"), table("a.b", "c,d")].into()));
        assert_eq!(imported.id, Attr::Known("p/br-a/neon%2Fdb/r".to_owned()));
        assert!(imported.privileges.is_null());
        for wrong in [
            "",
            "p/br-a/d/r",
            "p/br-a/d/r/",
            "p/br-a/d/r/a,",
            "p/br-a/d/r/a.b.c",
            "P/br-a/d/r/a",
            "p/br-a/d//a",
            "x/p/br-a/d/r/a",
        ] {
            assert!(Grant::import(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_known_in_the_plan_is_not_touched() {
        let place = location::place("p", "br-a", "d").unwrap();
        let nulls: Model = model::nulls(&Grant::schema()).unwrap();
        let plan = Model {
            branch_id: Attr::Unknown,
            role: "r/1".to_owned().into(),
            id: Attr::Unknown,
            missing: BTreeSet::new().into(),
            ..nulls
        };
        let made = plan.made(&place);
        assert_eq!(
            (made.id, made.branch_id),
            (Attr::Known("p/br-a/d/r%2F1".to_owned()), Attr::Known("br-a".to_owned()))
        );
    }
}
