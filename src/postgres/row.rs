//! Parameters that a read takes, and the rows that it returns.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use tokio_postgres::types::{FromSql, ToSql, Type};

use super::error::{Error, Kind, Result};

/// A parameter of a read. Its type is sent along, so that a read takes one round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    /// `text`
    Text(&'a str),
    /// `text`, or NULL
    OptionalText(Option<&'a str>),
    /// `text[]`
    Texts(&'a [&'a str]),
    /// `text[]`, NULL
    NoTexts,
    /// `oid`
    Oid(u32),
    /// `oid`, or NULL
    OptionalOid(Option<u32>),
    /// `oid[]`
    Oids(&'a [u32]),
    /// `bool`
    Bool(bool),
}

impl Param<'_> {
    pub(super) fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(it) => (it, Type::TEXT),
            Self::OptionalText(it) => (it, Type::TEXT),
            Self::Texts(it) => (it, Type::TEXT_ARRAY),
            Self::NoTexts => (&None::<&[&str]>, Type::TEXT_ARRAY),
            Self::Oid(it) => (it, Type::OID),
            Self::OptionalOid(it) => (it, Type::OID),
            Self::Oids(it) => (it, Type::OID_ARRAY),
            Self::Bool(it) => (it, Type::BOOL),
        }
    }
}

/// A row of a read.
#[derive(Debug)]
pub(crate) struct Row {
    row: tokio_postgres::Row,
    /// Columns whose text is not UTF-8, with what is shown in its place.
    mended: BTreeMap<usize, Vec<u8>>,
}

impl Row {
    pub(super) fn of(row: tokio_postgres::Row) -> Self {
        Self { row, mended: BTreeMap::new() }
    }

    /// A row of a database that does not say which encoding its texts have (`SQL_ASCII`): any byte may be in a name.
    pub(super) fn of_bytes(row: tokio_postgres::Row) -> Self {
        let mut mended = BTreeMap::new();
        for (at, column) in row.columns().iter().enumerate() {
            let Ok(Some(Raw(bytes))) = row.try_get::<_, Option<Raw<'_>>>(at) else { continue };
            let text = match *column.type_() {
                Type::TEXT | Type::NAME | Type::VARCHAR | Type::BPCHAR => mend(bytes),
                Type::TEXT_ARRAY | Type::NAME_ARRAY | Type::VARCHAR_ARRAY => mend_array(bytes),
                _ => None,
            };
            if let Some(text) = text {
                mended.insert(at, text);
            }
        }
        Self { row, mended }
    }

    /// The value of a column; an error of kind `Decode` if it is not there or of another type.
    pub(crate) fn get<'a, T: FromSql<'a>>(&'a self, column: &str) -> Result<T> {
        let at = self.row.columns().iter().position(|it| it.name() == column);
        let mended = at.and_then(|at| Some((self.row.columns()[at].type_(), self.mended.get(&at)?)));
        let value = match mended {
            Some((of, bytes)) => T::from_sql(of, bytes).map_err(|e| e.to_string()),
            None => self.row.try_get(column).map_err(|e| {
                let cause = e.source().map_or_else(String::new, |cause| format!(": {cause}"));
                format!("{e}{cause}")
            }),
        };
        value.map_err(|why| unreadable(column, &why))
    }

    /// A text column through a parser, such as that of a name.
    pub(crate) fn parse<T, E: std::fmt::Display>(
        &self,
        column: &str,
        parser: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T> {
        let text: &str = self.get(column)?;
        parser(text).map_err(|e| unreadable(column, &e.to_string()))
    }

    /// The same for a column that may be NULL.
    pub(crate) fn parse_optional<T, E: std::fmt::Display>(
        &self,
        column: &str,
        parser: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>> {
        match self.get::<Option<&str>>(column)? {
            Some(_) => self.parse(column, parser).map(Some),
            None => Ok(None),
        }
    }

    /// The same for each element of a `text[]` column, duplicates removed. NULL is empty.
    pub(crate) fn parse_set<T: Ord, E: std::fmt::Display>(
        &self,
        column: &str,
        parser: impl Fn(&str) -> Result<T, E>,
    ) -> Result<std::collections::BTreeSet<T>> {
        let texts = self.get::<Option<Vec<&str>>>(column)?.unwrap_or_default();
        texts.into_iter().map(|text| parser(text).map_err(|e| unreadable(column, &e.to_string()))).collect()
    }
}

fn unreadable(column: &str, why: &str) -> Error {
    Error::new(Kind::Decode, format!("cannot read column `{column}` of a catalogue query: {why}"))
}

/// Bytes of a value of whatever type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// SUBSTITUTE, one byte long, so that lengths stay; no name that a user can write holds it.
const SUBSTITUTE: u8 = 0x1a;

/// The text with SUBSTITUTE for each byte that is not UTF-8; `None` if there is none.
fn mend(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mended = bytes.to_vec();
    let mut from = 0;
    while let Err(error) = std::str::from_utf8(&mended[from..]) {
        let bad = from + error.valid_up_to();
        mended[bad] = SUBSTITUTE;
        from = bad + 1;
    }
    (mended != bytes).then_some(mended)
}

/// The same for each element of an array, in the binary form of `array_send`: header of 12 bytes, 8 more for each dimension, then a
/// length and the bytes of each element.
fn mend_array(bytes: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| bytes.get(at..at + 4).and_then(|it| Some(i32::from_be_bytes(it.try_into().ok()?)));
    let mut mended = bytes.to_vec();
    let mut at = 12 + 8 * usize::try_from(number(0)?).ok()?;
    while let Some(length) = number(at) {
        at += 4;
        // -1 is NULL.
        let Ok(length) = usize::try_from(length) else { continue };
        let element = bytes.get(at..at + length)?;
        if let Some(element) = mend(element) {
            mended[at..at + length].copy_from_slice(&element);
        }
        at += length;
    }
    (mended != bytes).then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_replaced_one_by_one() {
        assert_eq!(mend("plain ä€".as_bytes()), None);
        assert_eq!(mend(b"a\xffb\xfe").unwrap(), b"a\x1ab\x1a");
        assert_eq!(mend(b"\xe2\x82").unwrap(), b"\x1a\x1a");
    }

    #[test]
    fn elements_of_arrays_are_mended_and_null_is_left_alone() {
        let array = |elements: &[Option<&[u8]>]| {
            let mut bytes: Vec<u8> = [1, 1, 25].iter().flat_map(|it: &i32| it.to_be_bytes()).collect();
            bytes.extend(i32::try_from(elements.len()).unwrap().to_be_bytes());
            bytes.extend(1_i32.to_be_bytes());
            for element in elements {
                match element {
                    None => bytes.extend((-1_i32).to_be_bytes()),
                    Some(it) => {
                        bytes.extend(i32::try_from(it.len()).unwrap().to_be_bytes());
                        bytes.extend(*it);
                    }
                }
            }
            bytes
        };
        assert_eq!(mend_array(&array(&[Some(b"a"), None, Some("ä".as_bytes())])), None);
        assert_eq!(mend_array(&array(&[None, Some(b"x\xff")])).unwrap(), array(&[None, Some(b"x\x1a")]));
    }
}
