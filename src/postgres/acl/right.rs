//! Rights on objects, and the entries of an ACL that give them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::postgres::names::{DatabaseName, RoleName, SchemaName, TableName};
use crate::postgres::privilege::TablePrivilege;

/// An object by its oid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Object {
    /// The connected database.
    Database(u32),
    Schema(u32),
    /// A table, or what is like one.
    Table(u32),
    /// Tables that a role will create in a schema.
    Future {
        owner: u32,
        schema: u32,
    },
}

/// A privilege on whatever object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Right {
    /// CONNECT on a database.
    Connect,
    /// USAGE of a schema.
    Usage,
    /// CREATE in a schema. It is never granted here, only revoked.
    Create,
    /// A privilege on a table, now or in the future.
    Table(TablePrivilege),
}

impl Right {
    /// The word of the grammar.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
            Self::Table(privilege) => privilege.as_str(),
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "CONNECT" => Some(Self::Connect),
            "USAGE" => Some(Self::Usage),
            "CREATE" => Some(Self::Create),
            other => TablePrivilege::parse(other).map(Self::Table),
        }
    }
}

/// One right on one object, told apart by oid alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) object: Object,
    pub(crate) right: Right,
}

/// What the object of a [`Key`] is called now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Database(DatabaseName),
    Schema(SchemaName),
    Table(TableName),
    Future {
        /// Who will create them.
        owner: RoleName,
        schema: SchemaName,
    },
}

/// Rights with the names of their objects.
pub(crate) type Rights = BTreeMap<Key, Name>;

/// `SELECT ON TABLE public.t3`, for messages.
pub(crate) fn describe(key: &Key, name: &Name) -> String {
    let right = key.right.as_str();
    match name {
        Name::Database(database) => format!("{right} ON DATABASE {database}"),
        Name::Schema(schema) => format!("{right} ON SCHEMA {schema}"),
        Name::Table(table) => format!("{right} ON TABLE {table}"),
        Name::Future { owner, schema } => format!("{right} ON FUTURE TABLES OF {owner} IN SCHEMA {schema}"),
    }
}

/// An entry of an ACL for the role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// What it allows.
    pub(crate) right: Right,
    /// Who gave it: only that role, or one that has its privileges, can revoke it.
    pub(crate) grantor: RoleName,
    /// WITH GRANT OPTION.
    pub(crate) grantable: bool,
}
