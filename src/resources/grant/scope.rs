//! What a grant is about: the declared scope, what it comes to in a database, and the members that an import names.

use std::collections::BTreeSet;

use tfplugin::identity::unescape;
use tfplugin::{Attr, Diagnostics, path};

use super::{Model, Table, parsed};
use crate::neon::Budget;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::postgres::replica_identity::Mode;
    use crate::postgres::table::{self, Kind};
    use tfplugin::Resource;
    use tfplugin::model;

    fn role(name: &str) -> RoleName {
        RoleName::parse(name).unwrap()
    }

    fn relation(oid: u32, name: &str, owner: &str, of_extension: bool) -> table::Table {
        table::Table {
            oid,
            name: TableName::parse("public", name).unwrap(),
            kind: Kind::Table,
            owner: role(owner),
            is_permanent: true,
            has_primary_key: true,
            identity: Mode::Default,
            key_columns: BTreeSet::new(),
            identity_index_valid: false,
            identity_index_columns: BTreeSet::new(),
            generated: std::collections::BTreeMap::new(),
            inherited_by: BTreeSet::new(),
            partition_of: None,
            row_security: false,
            of_extension,
        }
    }

    /// Three tables: of the writer, of somebody whom it may act for, of somebody else; and one of an extension.
    fn facts() -> Facts {
        let tables = [
            relation(1, "own", "writer", false),
            relation(2, "hers", "alice", false),
            relation(3, "his", "bob", false),
            relation(4, "stats", "cloud_admin", true),
        ];
        Facts {
            tables: tables.into_iter().collect(),
            writer: role("writer"),
            may_act_for: [role("writer"), role("alice"), role("idle")].into(),
        }
    }

    fn model() -> Model {
        let nulls: Model = model::nulls(&super::super::Grant::schema()).unwrap();
        Model {
            database: "d".to_owned().into(),
            role: "r".to_owned().into(),
            schemas: BTreeSet::from(["public".to_owned()]).into(),
            privileges: BTreeSet::from(["SELECT".to_owned()]).into(),
            future_tables: true.into(),
            ..nulls
        }
    }

    fn scope(future_tables: bool, owners: Option<&[&str]>) -> Scope {
        let owners: Option<BTreeSet<String>> = owners.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        Model { future_tables: future_tables.into(), future_table_owners: owners.into(), ..model() }.scope().unwrap()
    }

    #[test]
    fn future_tables_are_those_of_owners_within_reach() {
        let names = |roles: BTreeSet<RoleName>| roles.into_iter().map(String::from).collect::<Vec<_>>();
        for (scope, covered, out) in [
            (scope(true, None), vec!["alice", "writer"], vec!["bob"]),
            (scope(false, None), vec![], vec![]),
            (scope(false, Some(&["alice"])), vec![], vec![]),
            (scope(true, Some(&["alice", "bob"])), vec!["alice", "bob"], vec!["bob"]),
            (scope(true, Some(&["idle"])), vec!["idle"], vec![]),
        ] {
            assert_eq!(names(scope.wanted(&facts()).future_owners), covered, "{scope:?}");
            assert_eq!(names(scope.out_of_reach(&facts())), out, "{scope:?}");
        }
    }

    #[test]
    fn a_scope_covers_what_it_says_whoever_gave_it() {
        let table = |name: &str, privilege| Entry::Table(TableName::parse("public", name).unwrap(), privilege);
        let future = |owner: &str, schema: &str| Entry::Future {
            owner: role(owner),
            schema: SchemaName::parse(schema).unwrap(),
            privilege: TablePrivilege::Select,
        };
        let usage = |name: &str| Entry::Usage(SchemaName::parse(name).unwrap());
        let (all, listed) = (scope(true, None), scope(true, Some(&["alice"])));
        for (scope, entry, covered) in [
            (&all, table("own", TablePrivilege::Select), true),
            (&all, table("own", TablePrivilege::Insert), false),
            (&all, table("dropped", TablePrivilege::Select), true),
            (&all, table("stats", TablePrivilege::Select), false),
            (&all, usage("public"), true),
            (&all, usage("other"), false),
            (&all, Entry::Connect(DatabaseName::parse("d").unwrap()), true),
            (&all, future("somebody", "public"), true),
            (&all, future("somebody", "other"), false),
            (&listed, future("alice", "public"), true),
            (&listed, future("bob", "public"), false),
            (&scope(false, None), future("alice", "public"), false),
        ] {
            assert_eq!(scope.covers(&entry, &facts().tables), covered, "{entry}");
        }
    }

    #[test]
    fn an_import_finds_what_is_held_everywhere() {
        use TablePrivilege::{Insert, Select};
        let held = |tables: &[(&str, &[TablePrivilege])], future: bool| {
            let mut held = Holdings::default();
            for (name, privileges) in tables {
                let on_table: BTreeMap<_, _> = privileges.iter().map(|it| (*it, [role("writer")].into())).collect();
                held.tables.insert(TableName::parse("public", name).unwrap(), on_table);
            }
            if future {
                held.future.insert((role("writer"), Some(SchemaName::parse("public").unwrap())), [Select].into());
            }
            held
        };
        let both: &[_] = &[Select, Insert];
        for (held, expected) in [
            (held(&[("own", both), ("hers", both), ("his", &[Select])], true), Some((vec!["SELECT"], true))),
            (held(&[("own", both), ("hers", both), ("his", both)], false), Some((vec!["INSERT", "SELECT"], false))),
            (held(&[("own", both), ("hers", both)], true), None),
            (held(&[], false), None),
        ] {
            let model = Model { privileges: Attr::Null, future_tables: Attr::Null, ..model() };
            let found = model.imported(&facts(), &held).unwrap();
            let found = found.map(|it| (it.privileges.into_known().unwrap(), it.future_tables.is_true()));
            let expected = expected.map(|(them, future)| (them.into_iter().map(str::to_owned).collect(), future));
            assert_eq!(found, expected, "{held:?}");
        }
    }

    #[test]
    fn broken_lists_of_members_are_refused() {
        for wrong in ["", "a,", ",a", "a.", ".a", "a.b.c", "a%", "a..b"] {
            assert!(members(wrong).is_err(), "{wrong}");
        }
    }
}
