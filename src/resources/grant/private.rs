//! What a grant remembers in private state: which privileges the role had before it, and on which tables it granted any.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::handler::Context;
use crate::postgres::acl::{Found, Key, Object, Right, Rights};
use crate::postgres::grant;

/// The key of private state.
const LEDGER: &str = "ledger";

/// In the private state of a planned destroy: what other instances declare that share privileges with this one.
pub(super) const SHARED_WITH: &str = "shared_with";

/// The key of versions before 0.2: what was found, by name.
const FOUND_BY_NAME: &str = "preexisting";

/// Objects by oid, so that a rename outside does not hide them. In another database, such as one that was restored from a
/// dump, the oids mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// OID of the database; `None` before the first apply.
    database: Option<u32>,
    /// What the role had before. Destroy leaves it.
    found: BTreeSet<Key>,
    /// Tables that the privileges are granted on.
    tables: BTreeSet<u32>,
    #[serde(skip)]
    by_name: BTreeSet<grant::Entry>,
}

impl Ledger {
    pub(super) fn load(cx: &Context) -> Self {
        let private = cx.private();
        let by_name = || Self { by_name: private.get(FOUND_BY_NAME).unwrap_or_default(), ..Self::default() };
        private.get(LEDGER).unwrap_or_else(by_name)
    }

    pub(super) fn new(found: &Found, before: BTreeSet<Key>, granted: &Rights) -> Self {
        let oid = |key: &Key| match key.object {
            Object::Table(oid) => Some(oid),
            _ => None,
        };
        Self {
            database: Some(found.database.oid),
            found: before,
            tables: granted.keys().filter_map(oid).collect(),
            by_name: BTreeSet::new(),
        }
    }

    pub(super) fn store(&self, cx: &Context) {
        cx.set_private(LEDGER, self);
        cx.remove_private(FOUND_BY_NAME);
    }

    /// Whether it speaks of that database.
    pub(super) fn is_of(&self, found: &Found) -> bool {
        self.database.is_none_or(|it| it == found.database.oid)
    }

    pub(super) fn tables(&self) -> &BTreeSet<u32> {
        &self.tables
    }

    /// What the role had before, in that database.
    pub(super) fn of(&self, found: &Found) -> BTreeSet<Key> {
        self.found.iter().copied().chain(self.by_name.iter().filter_map(|it| key(found, it))).collect()
    }
}

/// What an entry by name is today.
fn key(found: &Found, entry: &grant::Entry) -> Option<Key> {
    let (object, right) = match entry {
        grant::Entry::Connect(_) => (Object::Database(found.database.oid), Right::Connect),
        grant::Entry::Usage(schema) => (Object::Schema(found.schemas.get(schema)?.oid), Right::Usage),
        grant::Entry::Create(schema) => (Object::Schema(found.schemas.get(schema)?.oid), Right::Create),
        grant::Entry::Table(table, privilege) => {
            (Object::Table(found.tables.get(table)?.table.oid), Right::Table(*privilege))
        }
        grant::Entry::Future { owner, schema, privilege } => {
            let (owner, schema) = (*found.owners.get(owner)?, found.schemas.get(schema)?.oid);
            (Object::Future { owner, schema }, Right::Table(*privilege))
        }
    };
    Some(Key { object, right })
}
