//! Row filters: the one place where a user's text becomes part of a statement as it is.
//!
//! The text stands in parentheses, `WHERE (…)`. It must not end them, so it is read as Postgres's scanner (`scan.l`) reads it, and what
//! could be read in two ways is refused: comments, dollar quotes, `;` outside quotes, and strings that go on in a second part. The server
//! still decides whether the expression is legal.

use std::fmt;

use crate::postgres::sql::Fragment;

/// Longest text, in bytes.
const LONGEST: usize = 100_000;

/// An expression of `WHERE (…)`, such as `id > 10 AND country = 'DE'`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowFilter {
    text: String,
}

/// Why a text cannot be a row filter; a sentence without a final period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    /// Nothing, or blanks.
    #[error("a row filter must not be empty")]
    Empty,
    /// More than 100 000 bytes.
    #[error("a row filter must not be longer than 100000 bytes")]
    TooLong,
    /// A zero byte, which Postgres cannot store.
    #[error("a row filter must not contain a zero byte")]
    ZeroByte,
    /// `;` outside quotes.
    #[error("a row filter is one expression: `;` may appear in quotes only")]
    Semicolon,
    /// `--` or `/*` outside quotes.
    #[error("a row filter must not contain a comment (`--` or `/*`)")]
    Comment,
    /// `$` outside quotes and names.
    #[error("a row filter must not contain parameters or dollar quotes (`$`)")]
    Dollar,
    /// A parenthesis or bracket without its partner.
    #[error("a row filter must have balanced parentheses and brackets")]
    Unbalanced,
    /// A quote that is not closed.
    #[error("a row filter must close each quote")]
    OpenQuote,
    /// A string that is followed by another one.
    #[error("a row filter must not continue a string in a second pair of quotes")]
    Continued,
    /// A number with letters at its end.
    #[error("a row filter must have a blank between a number and a word")]
    NumberAndWord,
    /// Unicode escapes (`U&"…"`), whose names are not read here.
    #[error("a row filter must not contain names or strings with Unicode escapes (`U&`)")]
    UnicodeEscapes,
}

impl RowFilter {
    /// Checks the text.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidFilter> {
        if text.trim().is_empty() {
            return Err(InvalidFilter::Empty);
        }
        if text.len() > LONGEST {
            return Err(InvalidFilter::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidFilter::ZeroByte);
        }
        Scanner { rest: text, open: Vec::new() }.scan()?;
        Ok(Self { text: text.to_owned() })
    }

    /// Whether the server's text is this one but for blanks at the ends and the outer parentheses. `false` does not mean that they differ
    /// in meaning.
    pub(crate) fn is_spelled_like(&self, of_server: &str) -> bool {
        let inner = |text: &str| {
            let text = text.trim();
            text.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(text).trim().to_owned()
        };
        self.text.trim() == of_server.trim() || self.text.trim() == inner(of_server)
    }
}

impl fmt::Display for RowFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text as it is: [`RowFilter::parse`] has seen that it cannot leave the parentheses around it.
impl Fragment for RowFilter {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&self.text);
    }
}

/// A filter that the server printed from its own parse tree (`pg_get_expr`, with an empty search path), so it reads it again as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deparsed(pub(super) String);

impl Fragment for Deparsed {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

struct Scanner<'a> {
    rest: &'a str,
    open: Vec<char>,
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || c == '$'
}

impl Scanner<'_> {
    fn scan(mut self) -> Result<(), InvalidFilter> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                _ if self.rest.starts_with("--") || self.rest.starts_with("/*") => return Err(InvalidFilter::Comment),
                ';' => return Err(InvalidFilter::Semicolon),
                '$' => return Err(InvalidFilter::Dollar),
                '\'' => self.string(false)?,
                '"' => self.quoted('"', false)?,
                '(' | '[' => {
                    self.open.push(c);
                    self.skip(1);
                }
                ')' | ']' => {
                    let partner = if c == ')' { '(' } else { '[' };
                    if self.open.pop() != Some(partner) {
                        return Err(InvalidFilter::Unbalanced);
                    }
                    self.skip(1);
                }
                _ if c.is_ascii_digit() => self.number()?,
                _ if starts_name(c) => self.word()?,
                _ => self.skip(c.len_utf8()),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(InvalidFilter::Unbalanced) }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let taken = self.rest[..end].to_owned();
        self.skip(end);
        taken
    }

    /// At a name, a keyword, or the prefix of a string. Only a single `e` changes what a backslash means; in `date'…'` the quote begins an
    /// ordinary string.
    fn word(&mut self) -> Result<(), InvalidFilter> {
        let word = self.take(continues_name);
        if word.eq_ignore_ascii_case("u") && self.rest.starts_with('&') {
            return Err(InvalidFilter::UnicodeEscapes);
        }
        if self.rest.starts_with('\'') {
            return self.string(word.eq_ignore_ascii_case("e"));
        }
        Ok(())
    }

    /// Servers differ in whether `1e'x'` is a number and a string: nothing may stand right behind a number.
    fn number(&mut self) -> Result<(), InvalidFilter> {
        let number = self.take(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let exponent = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let has_exponent = exponent.is_empty()
            || exponent.strip_prefix(['e', 'E']).is_some_and(|it| it.chars().all(|c| c.is_ascii_digit()));
        if !has_exponent || self.rest.starts_with('\'') || self.rest.chars().next().is_some_and(continues_name) {
            return Err(InvalidFilter::NumberAndWord);
        }
        Ok(())
    }

    /// At the first quote of a string.
    fn string(&mut self, escapes: bool) -> Result<(), InvalidFilter> {
        self.quoted('\'', escapes)?;
        // Over a line break Postgres joins it to the next one, in which backslashes mean what they meant in the first.
        if self.rest.trim_start().starts_with('\'') {
            return Err(InvalidFilter::Continued);
        }
        Ok(())
    }

    /// At the first quote.
    fn quoted(&mut self, quote: char, escapes: bool) -> Result<(), InvalidFilter> {
        self.skip(1);
        let mut characters = self.rest.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            if escapes && c == '\\' {
                characters.next();
            } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
                self.skip(at + 1);
                return Ok(());
            }
        }
        Err(InvalidFilter::OpenQuote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_pass_as_they_are() {
        for text in [
            "id > 10",
            "(id > 10)",
            "country IN ('DE', 'it''s; -- not') AND \"Odd \"\"name\" <> ')'",
            r"path LIKE 'a\' AND id = 1",
            r"name = E'it\'s (' AND (a[1] = 2)",
            "at > date'2024-01-01' AND n < 1.5e3 AND m > 1e10",
            "größe > 3",
            "a$b = 1",
            "a - -1 > 0",
        ] {
            assert_eq!(RowFilter::parse(text).map(|it| it.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn nothing_leaves_the_parentheses() {
        for (text, why) in [
            ("", InvalidFilter::Empty),
            (" \n", InvalidFilter::Empty),
            ("true); DROP TABLE t; --", InvalidFilter::Unbalanced),
            ("(true", InvalidFilter::Unbalanced),
            ("a[1)", InvalidFilter::Unbalanced),
            ("true; DROP TABLE t", InvalidFilter::Semicolon),
            ("true -- ", InvalidFilter::Comment),
            ("true /* ", InvalidFilter::Comment),
            ("a = 'open", InvalidFilter::OpenQuote),
            ("\"open", InvalidFilter::OpenQuote),
            (r"a = E'x\'", InvalidFilter::OpenQuote),
            (r"a = e'x\' ) ; DROP TABLE t --", InvalidFilter::OpenQuote),
            ("a = $1", InvalidFilter::Dollar),
            ("a = $$)$$", InvalidFilter::Dollar),
            ("a = E'x'\n'\\'", InvalidFilter::Continued),
            ("a = 'x' 'y'", InvalidFilter::Continued),
            ("a = 1e'\\''", InvalidFilter::NumberAndWord),
            ("a = 12abc", InvalidFilter::NumberAndWord),
            ("U&\"d\\0061t\" = 1", InvalidFilter::UnicodeEscapes),
            ("u&'x' = a", InvalidFilter::UnicodeEscapes),
            ("a\0", InvalidFilter::ZeroByte),
        ] {
            assert_eq!(RowFilter::parse(text), Err(why), "{text}");
        }
        assert_eq!(RowFilter::parse(&"a".repeat(LONGEST + 1)), Err(InvalidFilter::TooLong));
    }

    #[test]
    fn the_servers_spelling_is_known_where_only_its_parentheses_differ() {
        let filter = RowFilter::parse(" id > 10").unwrap();
        assert!(filter.is_spelled_like("(id > 10)") && filter.is_spelled_like("id > 10"));
        assert!(!filter.is_spelled_like("(id > 11)"));
    }
}
