//! Replica identity: what of an old row an UPDATE or DELETE sends along, so that the subscriber finds it (manual, ALTER TABLE).

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Connection;
use super::error::{Error, Kind, Result};
use super::key_columns::key_columns;
use super::names::{ColumnName, IndexName, TableName};
use super::row::Param;
use super::sql::Statement;
use crate::sql;

/// The four modes (`pg_class.relreplident`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// The primary key; without one the same as `Nothing`.
    Default,
    /// The whole old row.
    Full,
    /// Nothing: updates and deletes cannot be published.
    Nothing,
    /// The columns of a unique index; `None` after that index was dropped.
    Index(Option<IndexName>),
}

impl Mode {
    pub(super) fn of_catalog(relreplident: &str, index: Option<IndexName>) -> Result<Self> {
        Ok(match relreplident {
            "d" => Self::Default,
            "f" => Self::Full,
            "n" => Self::Nothing,
            "i" => Self::Index(index),
            other => return Err(Error::new(Kind::Decode, format!("unknown relreplident `{other}`"))),
        })
    }

    /// `default`, `full`, `nothing` or `index`.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Full => "full",
            Self::Nothing => "nothing",
            Self::Index(_) => "index",
        }
    }
}

/// Leads from one mode to another; empty if that is the same. Takes a short exclusive lock and only changes the named table, not
/// its partitions.
pub(crate) fn alter(table: &TableName, have: &Mode, want: &Mode) -> Vec<Statement> {
    if have == want {
        return Vec::new();
    }
    vec![match want {
        Mode::Default => sql!("ALTER TABLE {} REPLICA IDENTITY DEFAULT", table),
        Mode::Full => sql!("ALTER TABLE {} REPLICA IDENTITY FULL", table),
        Mode::Nothing => sql!("ALTER TABLE {} REPLICA IDENTITY NOTHING", table),
        Mode::Index(Some(index)) => sql!("ALTER TABLE {} REPLICA IDENTITY USING INDEX {}", table, index),
        // There is no statement for an index that is gone.
        Mode::Index(None) => return Vec::new(),
    }]
}

/// An index of a table, as far as it may serve as identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts of the catalog")]
pub(crate) struct Index {
    /// UNIQUE
    pub(crate) unique: bool,
    /// Not deferrable.
    pub(crate) immediate: bool,
    /// Has a WHERE clause.
    pub(crate) partial: bool,
    /// Built, and not being dropped.
    pub(crate) valid: bool,
    /// Has expressions among its keys.
    pub(crate) expressions: bool,
    /// Each key column is NOT NULL.
    pub(crate) not_null: bool,
    /// Its key columns; none for expressions.
    pub(crate) columns: BTreeSet<ColumnName>,
}

impl Index {
    /// Why it cannot be a replica identity; `None` if it can (`ATExecReplicaIdentity`, SQLSTATE 42809).
    pub(crate) const fn why_unsuitable(&self) -> Option<&'static str> {
        if !self.unique {
            Some("it is not unique")
        } else if !self.immediate {
            Some("it is deferrable")
        } else if self.expressions {
            Some("it has expressions")
        } else if self.partial {
            Some("it is partial")
        } else if !self.not_null {
            Some("one of its columns may be null")
        } else if !self.valid {
            Some("it is not valid")
        } else {
            None
        }
    }
}

const INDEXES: &str = concat!(
    "
SELECT ",
    key_columns!(),
    " AS columns, ic.relname::text AS name, i.indisunique, i.indimmediate, i.indpred IS NOT NULL AS partial, i.indisvalid AND i.indislive AS valid,
       0 = ANY (i.indkey) AS expressions,
       NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) AS k
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] WHERE NOT a.attnotnull) AS not_null
FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
ORDER BY ic.relname"
);

/// Indexes of a table.
pub(crate) async fn indexes(connection: &Connection, table: &TableName) -> Result<BTreeMap<IndexName, Index>> {
    let rows = connection.fetch(INDEXES, &[Param::Text(table.schema.as_str()), Param::Text(table.name())]).await?;
    rows.iter()
        .map(|row| {
            let index = Index {
                unique: row.get("indisunique")?,
                immediate: row.get("indimmediate")?,
                partial: row.get("partial")?,
                valid: row.get("valid")?,
                expressions: row.get("expressions")?,
                not_null: row.get("not_null")?,
                columns: row.parse_set("columns", ColumnName::parse)?,
            };
            Ok((row.parse("name", IndexName::parse)?, index))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements() {
        let table = TableName::parse("pub lic", "t\"1").unwrap();
        let index = Mode::Index(Some(IndexName::parse("i; --").unwrap()));
        let shown =
            |have: &Mode, want: &Mode| alter(&table, have, want).iter().map(ToString::to_string).collect::<String>();
        assert_eq!(shown(&Mode::Default, &Mode::Full), r#"ALTER TABLE "pub lic"."t""1" REPLICA IDENTITY FULL"#);
        assert_eq!(shown(&Mode::Full, &Mode::Default), r#"ALTER TABLE "pub lic"."t""1" REPLICA IDENTITY DEFAULT"#);
        assert_eq!(shown(&Mode::Full, &Mode::Nothing), r#"ALTER TABLE "pub lic"."t""1" REPLICA IDENTITY NOTHING"#);
        assert_eq!(shown(&Mode::Full, &index), r#"ALTER TABLE "pub lic"."t""1" REPLICA IDENTITY USING INDEX "i; --""#);
        assert_eq!(
            shown(&Mode::Index(None), &Mode::Default),
            r#"ALTER TABLE "pub lic"."t""1" REPLICA IDENTITY DEFAULT"#
        );
        for mode in [Mode::Default, Mode::Full, Mode::Nothing, index] {
            assert_eq!(shown(&mode, &mode), "");
        }
    }

    #[test]
    fn the_first_reason_against_an_index_is_given() {
        let good = Index {
            unique: true,
            immediate: true,
            partial: false,
            valid: true,
            expressions: false,
            not_null: true,
            columns: BTreeSet::new(),
        };
        assert_eq!(good.why_unsuitable(), None);
        assert_eq!(Index { unique: false, not_null: false, ..good.clone() }.why_unsuitable(), Some("it is not unique"));
        assert_eq!(Index { not_null: false, ..good.clone() }.why_unsuitable(), Some("one of its columns may be null"));
        assert_eq!(Index { partial: true, ..good }.why_unsuitable(), Some("it is partial"));
    }
}
