//! What to grant and to revoke, and the statements for it.

use std::collections::{BTreeMap, BTreeSet};

use super::holding::{Found, Scope};
use super::right::{Entry, Key, Name, Object, Right, Rights};
use crate::postgres::names::{ColumnName, RoleName, SchemaName, TableName};
use crate::postgres::privilege::TablePrivilege;
use crate::postgres::sql::{Keyword, List, Statement};
use crate::sql;

/// Tables per statement.
const BATCH: usize = 50;

/// What of a scope is to be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What the connected role can revoke.
    pub(crate) revoke: Rights,
    /// What it cannot: given by others, or held by the owner of the object. It stays, and what is above it.
    pub(crate) left: Rights,
}

impl Found {
    /// What the role holds of `rights` and is not in `keep`. USAGE and CONNECT go last: only when the role then holds nothing beneath them,
    /// in scope or elsewhere, so that two grants of one role do not undo each other. Where that cannot be seen they stay.
    pub(crate) fn to_revoke(&self, scope: &Scope, rights: &Rights, keep: &BTreeSet<Key>) -> Difference {
        let mut difference = Difference::default();
        let candidates = rights.iter().filter(|(key, name)| !keep.contains(*key) && self.holds(key, name));
        let (above, beneath): (Vec<_>, Vec<_>) =
            candidates.partition(|(key, _)| matches!(key.object, Object::Database(_) | Object::Schema(_)));
        for (key, name) in beneath {
            let is_revocable = self.is_revocable(key, name);
            // A default without a schema stands for it: there is nothing to revoke in this one.
            let is_here = match name {
                Name::Future { owner, schema } => self
                    .future
                    .get(&(owner.clone(), Some(schema.clone())))
                    .is_some_and(|(_, it)| it.iter().any(|it| Right::Table(*it) == key.right)),
                _ => true,
            };
            if is_here {
                let list = if is_revocable { &mut difference.revoke } else { &mut difference.left };
                list.insert(*key, name.clone());
            }
        }
        // Schemas before the database.
        for (key, name) in above.into_iter().rev() {
            let in_use = match name {
                // Nothing beneath a schema needs it.
                Name::Schema(_) if key.right == Right::Create => false,
                Name::Schema(schema) => self.in_use(scope, Some(schema), &difference.revoke),
                _ => self.in_use(scope, None, &difference.revoke),
            };
            if in_use {
                continue;
            }
            let list = if self.is_revocable(key, name) { &mut difference.revoke } else { &mut difference.left };
            list.insert(*key, name.clone());
        }
        difference
    }

    /// Whether the role holds something in that schema, or with `None` in the database, beside what is revoked.
    fn in_use(&self, scope: &Scope, within: Option<&SchemaName>, revoked: &Rights) -> bool {
        if self.grantee.predefined {
            return true;
        }
        let covers = |schema: &SchemaName| within.is_none_or(|it| it == schema);
        let stays = |object, right| !revoked.contains_key(&Key { object, right });
        let elsewhere = self.elsewhere.iter().any(|(schema, _)| match (within, schema) {
            (None, _) => true,
            (Some(within), schema) => schema.as_ref() == Some(within),
        });
        let on_tables = self.tables.iter().filter(|(name, _)| covers(&name.schema)).any(|(_, it)| {
            // Of an entry that others gave as well, theirs stays.
            let of_others = |entry: &Entry| !self.membership.acts_for(&entry.grantor);
            it.table.entries.iter().any(|entry| stays(Object::Table(it.table.oid), entry.right) || of_others(entry))
                || it.columns.values().any(|entries| !entries.is_empty())
        });
        let in_future = self.future.iter().any(|((_, schema), (owner, privileges))| {
            let Some(schema) = schema.as_ref().filter(|it| covers(it) && scope.schemas.contains(*it)) else {
                return schema.is_none() && !privileges.is_empty() && within.is_none();
            };
            let oid = self.schemas.get(schema).map_or(0, |it| it.oid);
            privileges.iter().any(|it| stays(Object::Future { owner: *owner, schema: oid }, Right::Table(*it)))
        });
        // CREATE is of no use without USAGE.
        let keeps_schema = |entry: &Entry| within.is_none() || entry.right == Right::Create;
        let in_schemas = self.schemas.iter().filter(|(schema, _)| covers(schema)).any(|(_, it)| {
            it.entries.iter().any(|entry| keeps_schema(entry) && stays(Object::Schema(it.oid), entry.right))
        });
        elsewhere || on_tables || in_future || in_schemas
    }
}

/// Grants them: CONNECT, USAGE, tables in the order of their oids, as many as possible per statement, then default privileges.
pub(crate) fn grant(role: &RoleName, rights: &Rights) -> Vec<Statement> {
    let mut statements = Vec::new();
    for name in rights.values() {
        match name {
            Name::Database(database) => statements.push(sql!("GRANT CONNECT ON DATABASE {} TO {}", database, role)),
            Name::Schema(schema) => statements.push(sql!("GRANT USAGE ON SCHEMA {} TO {}", schema, role)),
            Name::Table(_) | Name::Future { .. } => {}
        }
    }
    for (privileges, tables) in table_batches(rights) {
        statements.push(sql!("GRANT {} ON TABLE {} TO {}", privileges, tables, role));
    }
    for (owner, schema, privileges) in futures(rights) {
        statements.push(sql!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} ON TABLES TO {}",
            owner,
            schema,
            privileges,
            role
        ));
    }
    statements
}

/// Revokes them, in the reverse order. A REVOKE on a table takes the same privilege on its columns along: read again in the same
/// transaction, and run [`lost_columns`].
pub(crate) fn revoke(role: &RoleName, rights: &Rights) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (owner, schema, privileges) in futures(rights) {
        statements.push(sql!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} REVOKE {} ON TABLES FROM {}",
            owner,
            schema,
            privileges,
            role
        ));
    }
    for (privileges, tables) in table_batches(rights) {
        statements.push(sql!("REVOKE {} ON TABLE {} FROM {}", privileges, tables, role));
    }
    for (key, name) in rights.iter().rev() {
        match name {
            Name::Schema(schema) => {
                let right = Keyword(key.right.as_str());
                statements.push(sql!("REVOKE {} ON SCHEMA {} FROM {}", right, schema, role));
            }
            Name::Database(database) => statements.push(sql!("REVOKE CONNECT ON DATABASE {} FROM {}", database, role)),
            Name::Table(_) | Name::Future { .. } => {}
        }
    }
    statements
}

/// Grants again what was held on columns before and is not held after: entries that a REVOKE on the table took along. Empty in most cases.
pub(crate) fn lost_columns(before: &Found, after: &Found) -> Vec<Statement> {
    let mut statements = Vec::new();
    for (name, table) in &before.tables {
        let Some(now) = after.tables.iter().find(|(_, it)| it.table.oid == table.table.oid).map(|(_, it)| it) else {
            continue;
        };
        let mut lost: BTreeMap<(bool, TablePrivilege), Vec<ColumnName>> = BTreeMap::new();
        for (column, entries) in &table.columns {
            let kept = now.columns.get(column);
            for Entry { right, grantable, .. } in
                entries.iter().filter(|it| !kept.is_some_and(|kept| kept.contains(*it)))
            {
                if let Right::Table(privilege) = right {
                    lost.entry((*grantable, *privilege)).or_default().push(column.clone());
                }
            }
        }
        for ((grantable, privilege), columns) in lost {
            let option = Keyword(if grantable { " WITH GRANT OPTION" } else { "" });
            let role = &before.grantee.name;
            statements.push(sql!("GRANT {} ({}) ON TABLE {} TO {}{}", privilege, List(columns), name, role, option));
        }
    }
    statements
}

/// Tables with the same privileges together, in batches, by oid.
fn table_batches(rights: &Rights) -> Vec<(List<TablePrivilege>, List<TableName>)> {
    let mut by_table: BTreeMap<(u32, &TableName), Vec<TablePrivilege>> = BTreeMap::new();
    for (key, name) in rights {
        if let (Object::Table(oid), Name::Table(table), Right::Table(privilege)) = (key.object, name, key.right) {
            by_table.entry((oid, table)).or_default().push(privilege);
        }
    }
    let mut by_privileges: BTreeMap<Vec<TablePrivilege>, Vec<&TableName>> = BTreeMap::new();
    for ((_, table), privileges) in by_table {
        by_privileges.entry(privileges).or_default().push(table);
    }
    let mut batches = Vec::new();
    for (privileges, tables) in by_privileges {
        for batch in tables.chunks(BATCH) {
            batches.push((List(privileges.clone()), List(batch.iter().map(|it| (*it).clone()).collect())));
        }
    }
    batches
}

fn futures(rights: &Rights) -> Vec<(&RoleName, &SchemaName, List<TablePrivilege>)> {
    let mut by_place: BTreeMap<(&RoleName, &SchemaName), Vec<TablePrivilege>> = BTreeMap::new();
    for (key, name) in rights {
        if let (Name::Future { owner, schema }, Right::Table(privilege)) = (name, key.right) {
            by_place.entry((owner, schema)).or_default().push(privilege);
        }
    }
    by_place.into_iter().map(|((owner, schema), privileges)| (owner, schema, List(privileges))).collect()
}
