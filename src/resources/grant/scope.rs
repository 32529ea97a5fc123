//! What a grant is about: the declared scope, what it comes to in a database, and the members that an import names.

use std::collections::BTreeSet;

use super::{Model, Table, parsed};
use crate::framework::attr::Attr;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::import::unescape;
use crate::neon::Budget;
use crate::path;
use crate::postgres::grant::{Entry, Wanted};
use crate::postgres::privilege::{Holdings, TablePrivilege};
use crate::postgres::table::Tables;
use crate::postgres::{DatabaseName, RoleName, SchemaName, TableName};
use crate::resources::location;
use crate::session::{Error, Place, Session};

/// Whose future tables are covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Future {
    /// Nobody's.
    None,
    /// The connecting role's, and those of the owners of tables found.
    OfOwnersFound,
    /// Those of these roles.
    Of(BTreeSet<RoleName>),
}

/// The arguments, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) role: RoleName,
    pub(super) database: DatabaseName,
    pub(super) schemas: BTreeSet<SchemaName>,
    pub(super) tables: BTreeSet<TableName>,
    pub(super) privileges: BTreeSet<TablePrivilege>,
    pub(super) future: Future,
}

/// What a scope is judged by.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) tables: Tables,
    /// The role that writes.
    pub(super) writer: RoleName,
    /// The roles that it may act for, itself among them.
    pub(super) may_act_for: BTreeSet<RoleName>,
}

impl Facts {
    /// From what reads share.
    pub(super) async fn shared(
        session: &Session,
        place: &Place,
        connect_as: Option<RoleName>,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let tables = (*session.tables(place, budget).await?).clone();
        let may_act_for = (*session.may_act_for(place, connect_as.as_ref(), budget).await?).clone();
        let writer = match connect_as {
            Some(role) => role,
            None => session.owner(place, budget).await?,
        };
        Ok(Self { tables, writer, may_act_for })
    }
}

impl Scope {
    pub(super) fn of(model: &Model) -> Result<Self, Diagnostics> {
        let mut tables = BTreeSet::new();
        for Table { schema, name } in model.tables.known().into_iter().flatten() {
            let schema = location::known(schema, path!(tables), SchemaName::parse)?;
            let parse = |name: &str| TableName::parse(schema.as_str(), name);
            tables.insert(location::known(name, path!(tables), parse)?);
        }
        let privilege =
            |word: &str| TablePrivilege::parse(word).ok_or_else(|| format!("`{word}` is not a privilege on tables"));
        let future = match (&model.future_tables, &model.future_table_owners) {
            (Attr::Known(false), _) => Future::None,
            (_, Attr::Known(_)) => {
                Future::Of(parsed(&model.future_table_owners, &path!(future_table_owners), RoleName::parse)?)
            }
            _ => Future::OfOwnersFound,
        };
        Ok(Self {
            role: location::known(&model.role, path!(role), RoleName::parse)?,
            database: location::known(&model.database, path!(database), DatabaseName::parse)?,
            schemas: parsed(&model.schemas, &path!(schemas), SchemaName::parse)?,
            tables,
            privileges: parsed(&model.privileges, &path!(privileges), privilege)?,
            future,
        })
    }

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
            Future::None => BTreeSet::new(),
            Future::Of(owners) => owners.clone(),
            Future::OfOwnersFound => {
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
            Future::None => BTreeSet::new(),
            Future::Of(owners) => owners.clone(),
            Future::OfOwnersFound => self.wanted(facts).found_owners(&facts.tables),
        };
        owners.retain(|it| !facts.may_act_for.contains(it));
        owners
    }

    /// Whether an entry lies in the declared scope, whoever gave it.
    pub(super) fn covers(&self, entry: &Entry, tables: &Tables) -> bool {
        match entry {
            Entry::Connect(database) => *database == self.database,
            Entry::Usage(schema) => self.schemas.contains(schema) || self.tables.iter().any(|it| it.schema == *schema),
            Entry::Table(table, privilege) => {
                let of_schema =
                    self.schemas.contains(&table.schema) && tables.get(table).is_none_or(|it| !it.of_extension);
                self.privileges.contains(privilege) && (of_schema || self.tables.contains(table))
            }
            Entry::Future { owner, schema, privilege } => {
                let of_owner = match &self.future {
                    Future::None => false,
                    Future::OfOwnersFound => true,
                    Future::Of(owners) => owners.contains(owner),
                };
                of_owner && self.schemas.contains(schema) && self.privileges.contains(privilege)
            }
        }
    }
}

impl Model {
    /// An import, filled in: the privileges that are held on every table in scope, and whether default privileges are
    /// set. `None`: there are no such privileges.
    pub(super) fn imported(self, facts: &Facts, held: &Holdings) -> Result<Option<Self>, Diagnostics> {
        let scope = Scope::of(&self)?;
        let future: BTreeSet<TablePrivilege> = held
            .future
            .iter()
            .filter(|((_, schema), _)| schema.as_ref().is_none_or(|it| scope.schemas.contains(it)))
            .flat_map(|(_, privileges)| privileges.iter().copied())
            .collect();
        let tables = scope.wanted(facts).tables_in_scope(&facts.tables);
        let privileges: BTreeSet<TablePrivilege> = if tables.is_empty() {
            future.clone()
        } else {
            let everywhere = |it: &TablePrivilege| {
                tables.iter().all(|table| held.tables.get(table).is_some_and(|held| held.contains_key(it)))
            };
            TablePrivilege::ALL.into_iter().filter(everywhere).collect()
        };
        if privileges.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            privileges: privileges.iter().map(ToString::to_string).collect::<BTreeSet<_>>().into(),
            future_tables: (!scope.schemas.is_empty() && !future.is_empty()).into(),
            ..self
        }))
    }
}

/// The members of an import id: `schema` or `schema.table`, with `,` and `.` of names escaped.
pub(super) fn members(list: &str) -> Result<(BTreeSet<String>, BTreeSet<Table>), String> {
    let (mut schemas, mut tables) = (BTreeSet::new(), BTreeSet::new());
    for member in list.split(',') {
        let parts: Vec<String> = member.split('.').map(unescape).collect::<Result<_, _>>()?;
        match parts.as_slice() {
            [schema] => {
                SchemaName::parse(schema).map_err(|wrong| wrong.to_string())?;
                schemas.insert(schema.clone());
            }
            [schema, name] => {
                TableName::parse(schema, name).map_err(|wrong| wrong.to_string())?;
                tables.insert(Table { schema: schema.clone().into(), name: name.clone().into() });
            }
            _ => {
                return Err(format!(
                    "`{member}` is not `schema` or `schema.table`; within a name, `.` is written `%2E`"
                ));
            }
        }
    }
    Ok((schemas, tables))
}
