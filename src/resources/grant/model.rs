//! The values of `neonrep_grant`, and what follows from them and the facts of a database.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, string};
use tfplugin::{Attr, Diagnostics, Timeouts, path};

use super::apply::Facts;
use crate::handler::attributes::located;
use crate::neon::{BranchId, ProjectId};
use crate::postgres::grant::{Entry, Wanted};
use crate::postgres::names::Relation;
use crate::postgres::privilege::{Holdings, TablePrivilege};
use crate::postgres::table::Tables;
use crate::postgres::{DatabaseName, RoleName, SchemaName, TableName};
use crate::target::{Database, GrantId};

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(super) id: Attr<GrantId>,
    pub(super) project_id: Attr<ProjectId>,
    pub(super) branch_id: Attr<BranchId>,
    pub(super) database: Attr<DatabaseName>,
    pub(super) role: Attr<RoleName>,
    pub(super) schemas: Attr<BTreeSet<SchemaName>>,
    pub(super) tables: Attr<BTreeSet<Member>>,
    pub(super) privileges: Attr<BTreeSet<TablePrivilege>>,
    pub(super) future_tables: Attr<bool>,
    pub(super) future_table_owners: Attr<BTreeSet<RoleName>>,
    pub(super) connect_as: Attr<RoleName>,
    pub(super) missing: Attr<BTreeSet<String>>,
    pub(super) timeouts: Attr<Timeouts>,
}

located!(Model, connect_as);

/// One element of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(super) schema: Attr<SchemaName>,
    pub(super) name: Attr<Relation>,
}

/// Whose future tables are covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Future {
    Nobodys,
    /// The connecting role's, and those of the owners of tables found.
    OwnersFound,
    These(BTreeSet<RoleName>),
}

/// The arguments, all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) role: RoleName,
    pub(super) database: DatabaseName,
    pub(super) schemas: BTreeSet<SchemaName>,
    pub(super) tables: BTreeSet<TableName>,
    pub(super) privileges: BTreeSet<TablePrivilege>,
    pub(super) future: Future,
}

impl Member {
    pub(super) fn attributes() -> [(&'static str, Attribute); 2] {
        [
            ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
            ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
        ]
    }

    fn table(&self) -> Result<TableName, Diagnostics> {
        Ok(TableName::new(self.schema.need(path!(tables))?.clone(), self.name.need(path!(tables))?.clone()))
    }
}

impl From<TableName> for Member {
    fn from(table: TableName) -> Self {
        Self { schema: table.schema.clone().into(), name: table.relation().clone().into() }
    }
}

impl Model {
    /// Whether it was imported and not applied yet: which privileges it stands for is not known then.
    pub(super) fn is_imported(&self) -> bool {
        self.privileges.is_null()
    }

    pub(super) fn scope(&self) -> Result<Scope, Diagnostics> {
        let future = match (&self.future_tables, &self.future_table_owners) {
            (Attr::Known(false), _) => Future::Nobodys,
            (_, Attr::Known(owners)) => Future::These(owners.clone()),
            _ => Future::OwnersFound,
        };
        Ok(Scope {
            role: self.role.need(path!(role))?.clone(),
            database: self.database.need(path!(database))?.clone(),
            schemas: self.schemas.known().cloned().unwrap_or_default(),
            tables: self.tables.known().into_iter().flatten().map(Member::table).collect::<Result<_, _>>()?,
            privileges: self.privileges.known().cloned().unwrap_or_default(),
            future,
        })
    }

    /// The state as the server has it.
    pub(super) fn observed(self, at: &Database, facts: &Facts, held: &Holdings) -> Self {
        let missing = self.scope().map(|it| it.wanted(facts).missing(&facts.tables, held)).unwrap_or_default();
        let role = self.role.known().cloned();
        Self {
            id: role.map(|role| GrantId { database: at.clone(), role }).into(),
            branch_id: at.server.branch_id().cloned().into(),
            missing: missing.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into(),
            ..self
        }
    }
}

impl Scope {
    /// What it comes to in that database.
    pub(super) fn wanted(&self, facts: &Facts) -> Wanted {
        let mut wanted = Wanted {
            role: self.role.clone(),
            database: self.database.clone(),
            schemas: self.schemas.clone(),
            tables: self.tables.clone(),
            privileges: self.privileges.clone(),
            future_owners: BTreeSet::new(),
        };
        wanted.future_owners = match &self.future {
            Future::Nobodys => BTreeSet::new(),
            Future::These(owners) => owners.clone(),
            Future::OwnersFound => {
                let mut owners = wanted.found_owners(&facts.tables);
                owners.insert(facts.writer.clone());
                owners.retain(|it| facts.may_act_for.contains(it));
                owners
            }
        };
        wanted
    }

    /// Whose future tables should be covered and cannot be.
    pub(super) fn out_of_reach(&self, facts: &Facts) -> BTreeSet<RoleName> {
        let mut owners = match &self.future {
            Future::Nobodys => BTreeSet::new(),
            Future::These(owners) => owners.clone(),
            Future::OwnersFound => self.wanted(facts).found_owners(&facts.tables),
        };
        owners.retain(|it| !facts.may_act_for.contains(it));
        owners
    }

    /// Whether an entry lies in the declared scope, whoever gave it.
    pub(super) fn covers(&self, entry: &Entry, tables: &Tables) -> bool {
        match entry {
            Entry::Connect(database) => *database == self.database,
            Entry::Usage(schema) => self.has_schema(schema),
            Entry::Table(table, privilege) => self.privileges.contains(privilege) && self.has_table(table, tables),
            Entry::Future { owner, schema, privilege } => {
                let of_owner = match &self.future {
                    Future::Nobodys => false,
                    Future::OwnersFound => true,
                    Future::These(owners) => owners.contains(owner),
                };
                of_owner && self.schemas.contains(schema) && self.privileges.contains(privilege)
            }
        }
    }

    fn has_schema(&self, schema: &SchemaName) -> bool {
        self.schemas.contains(schema) || self.tables.iter().any(|it| it.schema == *schema)
    }

    fn has_table(&self, table: &TableName, tables: &Tables) -> bool {
        let of_schema = self.schemas.contains(&table.schema) && tables.get(table).is_none_or(|it| !it.of_extension);
        of_schema || self.tables.contains(table)
    }

    /// What a role holds on the members, whatever the privilege, without CONNECT: what an import finds.
    pub(super) fn held(&self, tables: &Tables, held: &Holdings) -> BTreeSet<Entry> {
        held.entries()
            .filter(|entry| match entry {
                Entry::Connect(_) => false,
                Entry::Usage(schema) => self.has_schema(schema),
                Entry::Table(table, _) => self.has_table(table, tables),
                Entry::Future { schema, .. } => self.schemas.contains(schema),
            })
            .collect()
    }
}
