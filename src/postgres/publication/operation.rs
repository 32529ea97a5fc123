//! What a publication publishes: kinds of changes, and generated columns.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::postgres::error::{Error, Kind, Result};
use crate::postgres::row::Row;

/// A kind of change that can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// INSERT
    Insert,
    /// UPDATE: needs a replica identity.
    Update,
    /// DELETE: needs a replica identity.
    Delete,
    /// TRUNCATE
    Truncate,
}

impl Operation {
    /// All of them, in the order of the manual.
    pub(crate) const ALL: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// The word of the option `publish`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
        }
    }

    /// From the four columns of `pg_publication`.
    pub(in crate::postgres) fn of_row(row: &Row) -> Result<BTreeSet<Self>> {
        let mut publish = BTreeSet::new();
        for (column, operation) in ["pubinsert", "pubupdate", "pubdelete", "pubtruncate"].into_iter().zip(Self::ALL) {
            if row.get(column)? {
                publish.insert(operation);
            }
        }
        Ok(publish)
    }

    /// Whether a subscriber must find the old row, so that the table needs a replica identity.
    pub(crate) const fn needs_identity(self) -> bool {
        matches!(self, Self::Update | Self::Delete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether generated columns of a table without a column list are published (18+).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GeneratedColumns {
    /// They are not. Versions before 18 know nothing else.
    #[default]
    None,
    /// The stored ones are. Virtual ones never are.
    Stored,
}

impl GeneratedColumns {
    /// The value of the option `publish_generated_columns`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stored => "stored",
        }
    }

    /// From `pg_publication.pubgencols`.
    pub(in crate::postgres) fn of_catalog(letter: &str) -> Result<Self> {
        match letter {
            "n" => Ok(Self::None),
            "s" => Ok(Self::Stored),
            other => Err(Error::new(Kind::Decode, format!("unknown pubgencols `{other}`"))),
        }
    }
}
