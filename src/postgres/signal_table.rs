//! Tables that a consumer writes: the shapes that consumers ask for, and whether a table fits one.
//!
//! Sources of the shapes: `estuary/connectors`, `source-postgres/replication.go` (`flow_watermarks`); Debezium documentation, "Sending
//! signals to a Debezium connector"; a heartbeat is one row that an UPDATE or an INSERT … ON CONFLICT touches.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::error::Result;
use super::key_columns::key_columns;
use super::names::TableName;
use super::row::{Param, Row};
use super::sql::Statement;
use super::table::Kind;
use crate::sql;

/// What the table is for, and so which columns it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// `id integer PRIMARY KEY, beat timestamptz NOT NULL DEFAULT now()`
    Heartbeat,
    /// `slot text PRIMARY KEY, watermark text`
    EstuaryWatermarks,
    /// `id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)`
    DebeziumSignal,
}

impl Shape {
    /// All, in the order in which they are tried.
    pub(crate) const ALL: [Self; 3] = [Self::Heartbeat, Self::EstuaryWatermarks, Self::DebeziumSignal];

    /// As a configuration names it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::EstuaryWatermarks => "estuary_watermarks",
            Self::DebeziumSignal => "debezium_signal",
        }
    }

    /// The columns; the first one is the primary key.
    const fn columns(self) -> &'static [Wanted] {
        match self {
            Self::Heartbeat => &[
                Wanted { name: "id", of: Type::Integer, may_be_omitted: false },
                Wanted { name: "beat", of: Type::TimestampTz, may_be_omitted: true },
            ],
            Self::EstuaryWatermarks => &[
                Wanted { name: "slot", of: Type::Text(None), may_be_omitted: false },
                Wanted { name: "watermark", of: Type::Text(None), may_be_omitted: false },
            ],
            Self::DebeziumSignal => &[
                Wanted { name: "id", of: Type::Text(Some(42)), may_be_omitted: false },
                Wanted { name: "type", of: Type::Text(Some(32)), may_be_omitted: false },
                Wanted { name: "data", of: Type::Text(Some(2048)), may_be_omitted: true },
            ],
        }
    }

    /// Why a table cannot serve; `None` if it can. Columns beyond those of the shape do no harm if an INSERT may omit them.
    pub(crate) fn misfit(self, table: &SignalTable) -> Option<Misfit> {
        if table.kind != Kind::Table {
            return Some(Misfit::NotATable(table.kind));
        }
        if !table.is_permanent {
            return Some(Misfit::NotPermanent);
        }
        let key = self.columns().first().map_or("", |it| it.name);
        let of_shape = self.columns().iter().find_map(|it| it.misfit(table.columns.get(it.name)));
        let of_key = || (table.key != [key]).then(|| Misfit::Column(key.to_owned(), Wrong::NotThePrimaryKey));
        let further = || {
            let known = |name: &str| self.columns().iter().any(|it| it.name == name);
            let in_the_way = table.columns.iter().find(|(name, it)| !known(name) && !it.may_be_omitted());
            in_the_way.map(|(name, _)| Misfit::Column(name.clone(), Wrong::CannotBeOmitted))
        };
        of_shape.or_else(of_key).or_else(further)
    }

    /// The first shape that a table fits.
    pub(crate) fn of(table: &SignalTable) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.misfit(table).is_none())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A column of a shape.
struct Wanted {
    name: &'static str,
    of: Type,
    /// The consumer's INSERT may leave it out.
    may_be_omitted: bool,
}

impl Wanted {
    fn misfit(&self, found: Option<&Column>) -> Option<Misfit> {
        let wrong = match found {
            None => Wrong::Missing(self.of),
            Some(it) if !self.of.takes(&it.of) => Wrong::Type(it.of.clone(), self.of),
            Some(it) if it.generated => Wrong::Generated,
            Some(it) if self.may_be_omitted && !it.may_be_omitted() => Wrong::CannotBeOmitted,
            Some(_) => return None,
        };
        Some(Misfit::Column(self.name.to_owned(), wrong))
    }
}

/// The type of a column of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `integer`, or a wider one.
    Integer,
    /// `timestamp with time zone`
    TimestampTz,
    /// Text of at least that many characters; `None`: of any length.
    Text(Option<u32>),
}

impl Type {
    /// Whether a column of the type that `format_type` gives can hold it.
    fn takes(self, found: &str) -> bool {
        match self {
            Self::Integer => matches!(found, "integer" | "bigint"),
            Self::TimestampTz => found == "timestamp with time zone",
            Self::Text(needed) => {
                let limit = found.strip_prefix("character varying(").and_then(|it| it.strip_suffix(')'));
                let limit = limit.and_then(|it| it.parse::<u32>().ok());
                matches!(found, "text" | "character varying")
                    || limit.zip(needed).is_some_and(|(limit, needed)| limit >= needed)
            }
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer => f.write_str("integer"),
            Self::TimestampTz => f.write_str("timestamp with time zone"),
            Self::Text(None) => f.write_str("text"),
            Self::Text(Some(length)) => write!(f, "character varying({length})"),
        }
    }
}

/// Why a table does not fit. Its `Display` is a sentence without its period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// A view or the like has its name.
    NotATable(Kind),
    /// It is unlogged, so it cannot be published.
    NotPermanent,
    /// A column, and what is wrong with it.
    Column(String, Wrong),
}

/// What is wrong with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not there.
    Missing(Type),
    /// It has this type and not that one.
    Type(String, Type),
    /// It is computed, so that nobody can write it.
    Generated,
    /// It, and nothing beside it, should be the primary key.
    NotThePrimaryKey,
    /// An INSERT must give it a value, and the consumer's INSERT does not.
    CannotBeOmitted,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATable(kind) => write!(f, "it is a {}", kind.as_str()),
            Self::NotPermanent => f.write_str("it is unlogged, so it cannot be published"),
            Self::Column(name, wrong) => match wrong {
                Wrong::Missing(wanted) => write!(f, "it has no column `{name}` ({wanted})"),
                Wrong::Type(found, wanted) => write!(f, "column `{name}` has type {found}, not {wanted}"),
                Wrong::Generated => write!(f, "column `{name}` is generated, so the consumer cannot write it"),
                Wrong::NotThePrimaryKey => write!(f, "column `{name}` is not the primary key"),
                Wrong::CannotBeOmitted => {
                    write!(
                        f,
                        "column `{name}` is NOT NULL without a default, and the consumer does not always write it"
                    )
                }
            },
        }
    }
}

/// A column as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// By `format_type`.
    pub(crate) of: String,
    /// NOT NULL.
    pub(crate) not_null: bool,
    /// It has a default or is an identity column.
    pub(crate) has_default: bool,
    /// GENERATED ALWAYS AS an expression.
    pub(crate) generated: bool,
}

impl Column {
    fn may_be_omitted(&self) -> bool {
        !self.not_null || self.has_default || self.generated
    }
}

/// A relation, as far as it matters whether it fits a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignalTable {
    /// `pg_class.oid`.
    pub(crate) oid: u32,
    pub(crate) name: TableName,
    /// What it is.
    pub(crate) kind: Kind,
    /// Neither temporary nor unlogged.
    pub(crate) is_permanent: bool,
    /// Its columns by name.
    pub(crate) columns: BTreeMap<String, Column>,
    /// Columns of its primary key.
    pub(crate) key: Vec<String>,
}

/// Creates the table; SQLSTATE 42P07 if something has its name.
pub(crate) fn create(name: &TableName, shape: Shape) -> Statement {
    match shape {
        Shape::Heartbeat => {
            sql!("CREATE TABLE {} (id integer PRIMARY KEY, beat timestamptz NOT NULL DEFAULT pg_catalog.now())", name)
        }
        Shape::EstuaryWatermarks => sql!("CREATE TABLE {} (slot text PRIMARY KEY, watermark text)", name),
        Shape::DebeziumSignal => {
            sql!("CREATE TABLE {} (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))", name)
        }
    }
}

/// Drops it; SQLSTATE 2BP01 while another object depends on it.
pub(crate) fn drop(name: &TableName) -> Statement {
    sql!("DROP TABLE {}", name)
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relpersistence = 'p' AS is_permanent,
       a.names, a.types, a.not_null, a.has_default, a.generated, coalesce(k.columns, ARRAY[]::text[]) AS key
FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') AS names,
                                coalesce(array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum), '{}') AS types,
                                coalesce(array_agg(a.attnotnull ORDER BY a.attnum), '{}') AS not_null,
                                coalesce(array_agg((a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '' ORDER BY a.attnum), '{}') AS has_default,
                                coalesce(array_agg(a.attgenerated <> '' ORDER BY a.attnum), '{}') AS generated
                         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) a
     LEFT JOIN LATERAL (SELECT ",
            key_columns!(),
            " AS columns FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid) k ON true
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ",
            $which
        )
    };
}

/// Reads the relation of that name, whatever its columns.
pub(crate) async fn read(connection: &Connection, name: &TableName) -> Result<Option<SignalTable>> {
    const READ: &str = select!("n.nspname = $1 AND c.relname = $2");
    let names = [Param::Text(name.schema.as_str()), Param::Text(name.name())];
    connection.fetch_optional(READ, &names).await?.as_ref().map(from_row).transpose()
}

/// Reads all relations of the connected database that have the last column of a shape, in one statement: many signal tables cost what
/// one costs.
pub(crate) async fn read_all(connection: &Connection) -> Result<BTreeMap<TableName, SignalTable>> {
    const READ_ALL: &str = select!(
        "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('beat', 'watermark', 'data'))"
    );
    let rows = connection.fetch(READ_ALL, &[]).await?;
    rows.iter().map(|row| from_row(row).map(|it| (it.name.clone(), it))).collect()
}

fn from_row(row: &Row) -> Result<SignalTable> {
    let schema: &str = row.get("schema")?;
    let (names, types): (Vec<String>, Vec<String>) = (row.get("names")?, row.get("types")?);
    let (not_null, has_default): (Vec<bool>, Vec<bool>) = (row.get("not_null")?, row.get("has_default")?);
    let generated: Vec<bool> = row.get("generated")?;
    let facts = types.into_iter().zip(not_null).zip(has_default.into_iter().zip(generated));
    let columns =
        facts.map(|((of, not_null), (has_default, generated))| Column { of, not_null, has_default, generated });
    Ok(SignalTable {
        oid: row.get("oid")?,
        name: row.parse("name", |name| TableName::parse(schema, name))?,
        kind: Kind::of(row.get("kind")?)?,
        is_permanent: row.get("is_permanent")?,
        columns: names.into_iter().zip(columns).collect(),
        key: row.get("key")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(of: &str, not_null: bool, has_default: bool) -> Column {
        Column { of: of.to_owned(), not_null, has_default, generated: false }
    }

    fn table(columns: &[(&str, Column)], key: &[&str]) -> SignalTable {
        SignalTable {
            oid: 20_000,
            name: TableName::parse("public", "t").unwrap(),
            kind: Kind::Table,
            is_permanent: true,
            columns: columns.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect(),
            key: key.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    /// As `create` makes it.
    fn made(shape: Shape) -> SignalTable {
        match shape {
            Shape::Heartbeat => table(
                &[("id", column("integer", true, false)), ("beat", column("timestamp with time zone", true, true))],
                &["id"],
            ),
            Shape::EstuaryWatermarks => {
                table(&[("slot", column("text", true, false)), ("watermark", column("text", false, false))], &["slot"])
            }
            Shape::DebeziumSignal => table(
                &[
                    ("id", column("character varying(42)", true, false)),
                    ("type", column("character varying(32)", true, false)),
                    ("data", column("character varying(2048)", false, false)),
                ],
                &["id"],
            ),
        }
    }

    fn with(shape: Shape, name: &str, it: Column) -> SignalTable {
        let mut table = made(shape);
        table.columns.insert(name.to_owned(), it);
        table
    }

    #[test]
    fn each_shape_fits_itself_alone() {
        for shape in Shape::ALL {
            assert_eq!(Shape::of(&made(shape)), Some(shape));
            for other in Shape::ALL.into_iter().filter(|it| *it != shape) {
                assert!(matches!(other.misfit(&made(shape)), Some(Misfit::Column(..))), "{other} {shape}");
            }
            assert_eq!(serde_json::to_value(shape).unwrap(), shape.as_str());
        }
    }

    #[test]
    fn a_misfit_names_the_column() {
        let said = |shape: Shape, table: &SignalTable| shape.misfit(table).map(|it| it.to_string());
        let (estuary, debezium, beat) = (Shape::EstuaryWatermarks, Shape::DebeziumSignal, Shape::Heartbeat);
        for (shape, table, expected) in [
            (
                estuary,
                table(&[("slot", column("text", true, false))], &["slot"]),
                "it has no column `watermark` (text)",
            ),
            (estuary, SignalTable { key: vec![], ..made(estuary) }, "column `slot` is not the primary key"),
            (
                estuary,
                SignalTable { key: vec!["slot".into(), "watermark".into()], ..made(estuary) },
                "column `slot` is not the primary key",
            ),
            (
                estuary,
                with(estuary, "watermark", column("character varying(10)", false, false)),
                "column `watermark` has type character varying(10), not text",
            ),
            (
                debezium,
                with(debezium, "data", column("character varying(100)", false, false)),
                "column `data` has type character varying(100), not character varying(2048)",
            ),
            (
                debezium,
                with(debezium, "data", column("text", true, false)),
                "column `data` is NOT NULL without a default, and the consumer does not always write it",
            ),
            (
                beat,
                with(beat, "beat", column("timestamp with time zone", true, false)),
                "column `beat` is NOT NULL without a default, and the consumer does not always write it",
            ),
            (
                beat,
                with(beat, "host", column("text", true, false)),
                "column `host` is NOT NULL without a default, and the consumer does not always write it",
            ),
            (
                beat,
                with(beat, "beat", Column { generated: true, ..column("timestamp with time zone", false, false) }),
                "column `beat` is generated, so the consumer cannot write it",
            ),
            (beat, SignalTable { kind: Kind::View, ..made(beat) }, "it is a view"),
            (beat, SignalTable { is_permanent: false, ..made(beat) }, "it is unlogged, so it cannot be published"),
        ] {
            assert_eq!(said(shape, &table).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_takes_the_same_values_fits() {
        for (shape, name, it) in [
            (Shape::EstuaryWatermarks, "slot", column("character varying", true, false)),
            (Shape::EstuaryWatermarks, "watermark", column("text", true, false)),
            (Shape::EstuaryWatermarks, "at", column("timestamp with time zone", true, true)),
            (Shape::DebeziumSignal, "data", column("text", false, false)),
            (Shape::DebeziumSignal, "type", column("character varying(64)", true, false)),
            (Shape::Heartbeat, "id", column("bigint", true, false)),
            (Shape::Heartbeat, "beat", column("timestamp with time zone", false, false)),
            (Shape::Heartbeat, "note", column("text", false, false)),
        ] {
            assert_eq!(shape.misfit(&with(shape, name, it)), None, "{shape} {name}");
        }
    }
}
