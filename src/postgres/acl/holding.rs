//! What one role holds in a scope, as it was read, and what it lacks.

use std::collections::{BTreeMap, BTreeSet};

use super::right::{Entry, Key, Name, Object, Right, Rights};
use crate::postgres::membership::Membership;
use crate::postgres::names::{ColumnName, DatabaseName, RoleName, SchemaName, TableName};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::table::Kind;

/// What a grant is about. Nothing beside it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The role that holds, or is to hold, privileges.
    pub(crate) role: RoleName,
    /// Each table of these schemas that belongs to no extension.
    pub(crate) schemas: BTreeSet<SchemaName>,
    pub(crate) tables: BTreeSet<TableName>,
    /// Tables of these oids, whatever they are called now: what was granted before a rename.
    pub(crate) oids: BTreeSet<u32>,
}

impl Scope {
    /// Whether USAGE of that schema belongs to it.
    pub(super) fn has_schema(&self, schema: &SchemaName) -> bool {
        self.schemas.contains(schema) || self.tables.iter().any(|it| it.schema == *schema)
    }
}

/// The role that holds privileges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grantee {
    pub(crate) oid: u32,
    pub(crate) name: RoleName,
    /// One of Postgres's own, such as `pg_monitor`: the catalogue does not tell where else it holds something.
    pub(crate) predefined: bool,
}

/// An object that privileges are given on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) oid: u32,
    pub(crate) owner: RoleName,
    /// What the role holds. An owner whose object has no ACL yet holds the defaults.
    pub(crate) entries: BTreeSet<Entry>,
}

/// A table in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableHolding {
    /// The table itself.
    pub(crate) table: Holding,
    /// What it is.
    pub(crate) kind: Kind,
    /// Created by an extension: outside of `schemas`.
    pub(crate) of_extension: bool,
    /// What the role holds on single columns.
    pub(crate) columns: BTreeMap<ColumnName, BTreeSet<Entry>>,
    /// Privileges that the connected role may pass on although it does not own the table.
    pub(crate) grant_options: BTreeSet<TablePrivilege>,
}

/// What was read for a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) grantee: Grantee,
    /// For whom the connected role can act.
    pub(crate) membership: Membership,
    /// The connected database.
    pub(crate) database: Holding,
    pub(crate) database_name: DatabaseName,
    /// Schemas of the scope that exist.
    pub(crate) schemas: BTreeMap<SchemaName, Holding>,
    /// Tables of the scope that exist.
    pub(crate) tables: BTreeMap<TableName, TableHolding>,
    /// Default privileges in schemas of the scope: owner with oid, schema; and those without a schema, which count for each.
    pub(crate) future: BTreeMap<(RoleName, Option<SchemaName>), (u32, BTreeSet<TablePrivilege>)>,
    /// Oids of the owners that were asked for or found.
    pub(crate) owners: BTreeMap<RoleName, u32>,
    /// How many objects outside of the scope's tables name the role in their ACL or belong to it; by schema, `None` for those in none.
    pub(crate) elsewhere: BTreeMap<Option<SchemaName>, u64>,
}

impl Found {
    /// Owners of tables that the scope's schemas hold.
    pub(crate) fn owners_of_tables(&self, scope: &Scope) -> BTreeSet<RoleName> {
        let tables = self.tables.iter().filter(|(name, it)| scope.schemas.contains(&name.schema) && !it.of_extension);
        tables.map(|(_, it)| it.table.owner.clone()).collect()
    }

    /// What the role is to hold: CONNECT, USAGE of the schemas, the privileges on each table in scope, and on tables that `future_owners`
    /// will create in `schemas`. Listed tables, schemas and owners that do not exist are left out.
    pub(crate) fn wanted(
        &self,
        scope: &Scope,
        privileges: &BTreeSet<TablePrivilege>,
        future_owners: &BTreeSet<RoleName>,
    ) -> Rights {
        let connect = Key { object: Object::Database(self.database.oid), right: Right::Connect };
        let mut rights = Rights::from([(connect, Name::Database(self.database_name.clone()))]);
        for (schema, holding) in self.schemas.iter().filter(|(schema, _)| scope.has_schema(schema)) {
            let object = Object::Schema(holding.oid);
            rights.insert(Key { object, right: Right::Usage }, Name::Schema(schema.clone()));
        }
        for (table, holding) in &self.tables {
            let in_schema = scope.schemas.contains(&table.schema) && !holding.of_extension;
            if in_schema || scope.tables.contains(table) {
                let object = Object::Table(holding.table.oid);
                rights.extend(
                    privileges.iter().map(|it| (Key { object, right: Right::Table(*it) }, Name::Table(table.clone()))),
                );
            }
        }
        for (owner, schema) in future_owners.iter().flat_map(|owner| scope.schemas.iter().map(move |it| (owner, it))) {
            let (Some(owner_oid), Some(holding)) = (self.owners.get(owner), self.schemas.get(schema)) else { continue };
            let object = Object::Future { owner: *owner_oid, schema: holding.oid };
            let name = Name::Future { owner: owner.clone(), schema: schema.clone() };
            rights.extend(privileges.iter().map(|it| (Key { object, right: Right::Table(*it) }, name.clone())));
        }
        rights
    }

    /// CREATE in the schemas of the scope.
    pub(crate) fn create_of_schemas(&self, scope: &Scope) -> Rights {
        let schemas = self.schemas.iter().filter(|(schema, _)| scope.has_schema(schema));
        let key = |it: &Holding| Key { object: Object::Schema(it.oid), right: Right::Create };
        schemas.map(|(schema, it)| (key(it), Name::Schema(schema.clone()))).collect()
    }

    /// These privileges on the tables of `scope.oids` that still exist.
    pub(crate) fn granted(&self, scope: &Scope, privileges: &BTreeSet<TablePrivilege>) -> Rights {
        let tables = self.tables.iter().filter(|(_, it)| scope.oids.contains(&it.table.oid));
        tables
            .flat_map(|(name, it)| {
                let key =
                    |right: &TablePrivilege| Key { object: Object::Table(it.table.oid), right: Right::Table(*right) };
                privileges.iter().map(move |right| (key(right), Name::Table(name.clone())))
            })
            .collect()
    }

    /// Of these, what the role does not hold.
    pub(crate) fn missing(&self, wanted: &Rights) -> Rights {
        let missing = wanted.iter().filter(|(key, name)| !self.holds(key, name));
        missing.map(|(key, name)| (*key, name.clone())).collect()
    }

    /// Whether the role holds it by an entry of its own, whoever gave it.
    pub(crate) fn holds(&self, key: &Key, name: &Name) -> bool {
        match name {
            Name::Future { owner, schema } => [Some(schema.clone()), None].into_iter().any(|within| {
                let privileges = self.future.get(&(owner.clone(), within)).map(|(_, privileges)| privileges);
                privileges.is_some_and(|it| it.iter().any(|it| Right::Table(*it) == key.right))
            }),
            _ => !self.grantors(key, name).is_empty(),
        }
    }

    /// Who gave it to the role; empty for default privileges, which have no grantor.
    pub(crate) fn grantors(&self, key: &Key, name: &Name) -> BTreeSet<RoleName> {
        let entries = self.holding(name).map(|it| &it.entries).into_iter().flatten();
        entries.filter(|it| it.right == key.right).map(|it| it.grantor.clone()).collect()
    }

    /// Whether a REVOKE by the connected role removes some of it: the role is not the object's owner, and the connected role acts for
    /// one that gave it, or for the owner of future tables.
    pub(crate) fn is_revocable(&self, key: &Key, name: &Name) -> bool {
        if let Name::Future { owner, .. } = name {
            return self.membership.may_set_defaults_for(owner);
        }
        let is_own = self.holding(name).is_some_and(|it| it.owner == self.grantee.name);
        !is_own && self.grantors(key, name).iter().any(|it| self.membership.acts_for(it))
    }

    pub(super) fn holding(&self, name: &Name) -> Option<&Holding> {
        match name {
            Name::Database(_) => Some(&self.database),
            Name::Schema(schema) => self.schemas.get(schema),
            Name::Table(table) => self.tables.get(table).map(|it| &it.table),
            Name::Future { .. } => None,
        }
    }
}
