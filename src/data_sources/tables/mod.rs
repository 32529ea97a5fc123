//! `data.neonrep_tables`: the tables of a database, for `for_each`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, set_of, string};
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, Schema, Type, path};

use super::catalog::list_of_objects;
use crate::handler::{Call, Context, Data, Db, attributes, words};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::table::{self, Kind, Table as Found};
use crate::postgres::{Connection, DatabaseName, Relation, RoleName, SchemaName};

pub(crate) struct Tables;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    schemas: Attr<BTreeSet<SchemaName>>,
    tables: Attr<Vec<Table>>,
}

attributes::located!(Model);

/// One table, or what is like one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    schema: Attr<SchemaName>,
    name: Attr<Relation>,
    kind: Attr<String>,
    owner: Attr<RoleName>,
    has_primary_key: Attr<bool>,
    replica_identity: Attr<String>,
    row_security: Attr<bool>,
}

impl DataSource for Tables {
    const TYPE: &'static str = "neonrep_tables";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location_to_read())
            .attribute(
                "schemas",
                set_of(Type::String)
                    .optional()
                    .each_parsed_by(SchemaName::parse)
                    .doc("Schemas to list the tables of. Defaults to all, except system schemas."),
            )
            .attribute(
                "tables",
                list_of_objects([
                    ("schema", string()),
                    ("name", string()),
                    ("kind", string()),
                    ("owner", string()),
                    ("has_primary_key", boolean()),
                    ("replica_identity", string()),
                    ("row_security", boolean()),
                ])
                .doc("Tables, sorted by schema and name, as described above."),
            )
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let call = Call::new(cx, "read tables");
        let db = call.database(&config).await?;
        let found = call.target().tables(db.at(), &call.budget()).await.map_err(|error| call.failed(&error))?;
        let wanted = config.schemas.known();
        let is_wanted = |it: &&Found| !it.of_extension && wanted.is_none_or(|all| all.contains(&it.name.schema));
        let tables: Vec<Table> = found.iter().filter(is_wanted).map(Table::of).collect();
        warn_of_absent_schemas(&db, wanted, &tables).await?;
        Ok(Model { branch_id: db.at().server.branch_id().cloned().into(), tables: tables.into(), ..config })
    }
}

impl Table {
    fn of(found: &Found) -> Self {
        // Views and foreign tables have no rows of their own that a subscriber could look for.
        let has_identity = !matches!(found.kind, Kind::View | Kind::Foreign);
        Self {
            schema: found.name.schema.clone().into(),
            name: found.name.relation().clone().into(),
            kind: found.kind.as_str().replace(' ', "_").into(),
            owner: found.owner.clone().into(),
            has_primary_key: found.has_primary_key.into(),
            replica_identity: has_identity.then(|| found.identity.as_str().to_owned()).into(),
            row_security: found.row_security.into(),
        }
    }
}

/// A schema that is misspelt would be an empty list without a word. One that another configuration creates later is
/// no error.
async fn warn_of_absent_schemas(
    db: &Db<'_>,
    wanted: Option<&BTreeSet<SchemaName>>,
    tables: &[Table],
) -> Result<(), Diagnostics> {
    let listed: BTreeSet<&SchemaName> = tables.iter().filter_map(|it| it.schema.known()).collect();
    let unlisted: Vec<&SchemaName> = wanted.into_iter().flatten().filter(|it| !listed.contains(it)).collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    let call = db.call();
    let read = |it: Arc<Connection>| async move { table::schemas(&it).await };
    let there = call.target().read(db.at(), &call.budget(), "reading schemas", read).await;
    let there = there.map_err(|error| call.failed(&error))?;
    for absent in unlisted.into_iter().filter(|it| !there.contains_key(it)) {
        let detail = format!(
            "{} has no schema `{absent}`, so none of its tables are listed. Check `schemas`.",
            words::sentence(&db.at().to_string())
        );
        call.cx().warn(Diagnostic::warning(format!("Schema `{absent}` does not exist"), detail).at(path!(schemas)));
    }
    Ok(())
}
