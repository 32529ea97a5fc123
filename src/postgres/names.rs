//! Names of database objects as types: checked once, where they come in.
//!
//! Postgres cuts an identifier silently after 63 bytes (`NAMEDATALEN`, manual 4.1.1), so a longer one is refused here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest identifier, in bytes.
pub(crate) const LONGEST: usize = 63;

/// Why a text is not a name. Its `Display` is a sentence without a final period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidName {
    /// The empty text.
    #[error("name of a {what} must not be empty")]
    Empty {
        /// Kind of object.
        what: &'static str,
    },
    /// More than 63 bytes.
    #[error("name of a {what} must not be longer than 63 bytes, `{name}` has {bytes}: Postgres would cut it silently")]
    TooLong {
        /// Kind of object.
        what: &'static str,
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A zero byte, which Postgres cannot store.
    #[error("name of a {what} must not contain a zero byte")]
    ZeroByte {
        /// Kind of object.
        what: &'static str,
    },
    /// A character that slots do not allow.
    #[error(
        "name of a replication slot may hold lower case letters a-z, digits and underscore only, `{name}` has {character:?}"
    )]
    SlotCharacter {
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
}

fn identifier(what: &'static str, text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if text.contains('\0') {
        return Err(InvalidName::ZeroByte { what });
    }
    if text.len() > LONGEST {
        return Err(InvalidName::TooLong { what, name: text.to_owned(), bytes: text.len() });
    }
    Ok(())
}

fn slot(what: &'static str, text: &str) -> Result<(), InvalidName> {
    identifier(what, text)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match text.chars().find(|c| !allowed(*c)) {
        Some(character) => Err(InvalidName::SlotCharacter { name: text.to_owned(), character }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $type(String);

        impl $type {
            /// Checks the text; the error is a sentence.
            pub(crate) fn parse(text: &str) -> Result<Self, InvalidName> {
                $check($what, text)?;
                Ok(Self(text.to_owned()))
            }

            /// The bare name, not quoted.
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                $check($what, &text)?;
                Ok(Self(text))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Name of a role.
    RoleName, "role", identifier
);
name!(
    /// Name of a database.
    DatabaseName, "database", identifier
);
name!(
    /// Name of a schema.
    SchemaName, "schema", identifier
);
name!(
    /// Name of a publication.
    PublicationName, "publication", identifier
);
name!(
    /// Name of a subscription, unique within its database.
    SubscriptionName, "subscription", identifier
);
name!(
    /// Name of an index; its schema is that of its table.
    IndexName, "index", identifier
);
name!(
    /// Name of a column, within its table.
    ColumnName, "column", identifier
);
name!(
    /// Name of a replication slot: `[a-z0-9_]{1,63}` (`ReplicationSlotValidateName`), unique in the whole cluster.
    SlotName, "replication slot", slot
);

/// Name of a table, view, materialized view, partitioned or foreign table, with its schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TableName {
    pub(crate) schema: SchemaName,
    name: Relation,
}

name!(
    /// Bare name of a table, within a schema.
    Relation, "table", identifier
);

impl TableName {
    /// The table of a schema.
    pub(crate) fn new(schema: SchemaName, name: Relation) -> Self {
        Self { schema, name }
    }

    /// Checks both parts.
    pub(crate) fn parse(schema: &str, name: &str) -> Result<Self, InvalidName> {
        Ok(Self { schema: SchemaName::parse(schema)?, name: Relation::parse(name)? })
    }

    /// The bare name, not quoted.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The bare name as a type.
    pub(crate) fn relation(&self) -> &Relation {
        &self.name
    }
}

/// `schema.table` for messages; not quoted, so not for SQL.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_may_be_odd_but_not_long() {
        for legal in ["a", "A b", "a\"b", "a'b;--", "ä€", "a.b=c/d", "\n", &"x".repeat(63)] {
            assert_eq!(RoleName::parse(legal).unwrap().as_str(), legal);
            assert_eq!(TableName::parse(legal, legal).unwrap().name(), legal);
        }
        assert_eq!(PublicationName::parse("").unwrap_err().to_string(), "name of a publication must not be empty");
        assert_eq!(SchemaName::parse("a\0").unwrap_err(), InvalidName::ZeroByte { what: "schema" });
        let long = "ä".repeat(32);
        assert_eq!(
            RoleName::parse(&long).unwrap_err().to_string(),
            format!("name of a role must not be longer than 63 bytes, `{long}` has 64: Postgres would cut it silently")
        );
    }

    #[test]
    fn slots_are_strict() {
        SlotName::parse("databricks_slot_1").unwrap();
        SlotName::parse(&"s".repeat(63)).unwrap();
        for (bad, character) in [("Slot", 'S'), ("a-b", '-'), ("a b", ' '), ("ä", 'ä')] {
            assert_eq!(SlotName::parse(bad).unwrap_err(), InvalidName::SlotCharacter { name: bad.into(), character });
        }
        assert!(matches!(SlotName::parse(&"s".repeat(64)).unwrap_err(), InvalidName::TooLong { bytes: 64, .. }));
        assert!(matches!(SlotName::parse("").unwrap_err(), InvalidName::Empty { .. }));
    }

    #[test]
    fn serde_checks_too() {
        let name: SlotName = serde_json::from_str("\"a_1\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"a_1\"");
        assert!(serde_json::from_str::<SlotName>("\"A\"").is_err());
        let table = TableName::parse("public", "t").unwrap();
        assert_eq!(serde_json::to_string(&table).unwrap(), r#"{"schema":"public","name":"t"}"#);
    }
}
