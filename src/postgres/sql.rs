//! SQL that changes something: a fixed template and typed fragments, so that an unquoted text does not compile.
//!
//! ```compile_fail
//! // A bare text is no fragment.
//! neonrep::sql!("DROP PUBLICATION {}", "p; DROP TABLE t");
//! ```
//! ```compile_fail
//! // One placeholder, no argument.
//! neonrep::sql!("DROP PUBLICATION {}");
//! ```

use std::collections::BTreeSet;
use std::fmt;

use postgres_protocol::escape::{escape_identifier, escape_literal};
use zeroize::Zeroizing;

use super::names::{
    ColumnName, DatabaseName, IndexName, PublicationName, RoleName, SchemaName, SlotName, SubscriptionName, TableName,
};
use crate::secret::Secret;

/// One statement in its two renderings: the one for the server, and the one for people, in which secrets are stars.
///
/// `Display` and `Debug` give the second.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    text: Zeroizing<String>,
    redacted: String,
    tables: BTreeSet<TableName>,
}

impl Statement {
    /// Used by [`sql!`](crate::sql), which has counted the placeholders.
    #[doc(hidden)]
    pub(crate) fn assemble(template: &'static str, fragments: &[&dyn Fragment]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(template.len() + 16 * fragments.len()));
        let mut redacted = String::with_capacity(template.len() + 16 * fragments.len());
        let mut tables = BTreeSet::new();
        for fragment in fragments {
            fragment.tables(&mut tables);
        }
        let mut fragments = fragments.iter();
        let mut pieces = template.split("{}");
        if let Some(first) = pieces.next() {
            text.push_str(first);
            redacted.push_str(first);
        }
        for piece in pieces {
            if let Some(fragment) = fragments.next() {
                fragment.write_sql(&mut text);
                fragment.write_redacted(&mut redacted);
            }
            text.push_str(piece);
            redacted.push_str(piece);
        }
        Self { text, redacted, tables }
    }

    /// What the server gets. Only `connection` asks for it.
    pub(super) fn as_sql(&self) -> &str {
        &self.text
    }

    /// The tables that it names: an error that says which one is locked needs them.
    pub(super) fn tables(&self) -> &BTreeSet<TableName> {
        &self.tables
    }

    /// What people get.
    pub(crate) fn redacted(&self) -> &str {
        &self.redacted
    }

    /// Whether the two differ: then the server's DETAIL, HINT and CONTEXT are kept out of errors, since they may repeat the statement.
    pub(crate) fn has_secret(&self) -> bool {
        self.text.as_str() != self.redacted
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

/// Number of `{}` in a template.
#[doc(hidden)]
pub(crate) const fn placeholders(template: &str) -> usize {
    let bytes = template.as_bytes();
    let (mut at, mut count) = (0, 0);
    while at + 1 < bytes.len() {
        if bytes[at] == b'{' && bytes[at + 1] == b'}' {
            count += 1;
            at += 1;
        }
        at += 1;
    }
    count
}

/// `sql!("GRANT {} ON TABLE {} TO {}", privileges, table, role)`: a [`Statement`] of a literal template and as many
/// [`Fragment`]s as it has `{}`; another number does not compile.
#[macro_export]
macro_rules! sql {
    ($template:literal $(, $fragment:expr)* $(,)?) => {{
        const _: () = {
            let given: &[&str] = &[$(stringify!($fragment)),*];
            assert!($crate::postgres::sql::placeholders($template) == given.len(), "one fragment for each placeholder");
        };
        $crate::postgres::sql::Statement::assemble($template, &[$(&$fragment as &dyn $crate::postgres::sql::Fragment),*])
    }};
}

/// A part of a statement that knows how to quote itself. There is none for `str` and `String`.
pub(crate) trait Fragment {
    /// Appends the quoted form.
    fn write_sql(&self, out: &mut String);

    /// Appends what people may see.
    fn write_redacted(&self, out: &mut String) {
        self.write_sql(out);
    }

    /// Adds the tables that it names.
    fn tables(&self, _: &mut BTreeSet<TableName>) {}
}

impl<T: Fragment + ?Sized> Fragment for &T {
    fn tables(&self, found: &mut BTreeSet<TableName>) {
        (**self).tables(found);
    }

    fn write_sql(&self, out: &mut String) {
        (**self).write_sql(out);
    }

    fn write_redacted(&self, out: &mut String) {
        (**self).write_redacted(out);
    }
}

/// A quoted identifier of whatever kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ident<'a>(pub &'a str);

impl Fragment for Ident<'_> {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&escape_identifier(self.0));
    }
}

/// `"schema"."name"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QualifiedName<'a> {
    pub(crate) schema: &'a str,
    /// The name in it.
    pub(crate) name: &'a str,
}

impl Fragment for QualifiedName<'_> {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&escape_identifier(self.schema));
        out.push('.');
        out.push_str(&escape_identifier(self.name));
    }
}

/// A quoted string constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal<'a>(pub &'a str);

impl Fragment for Literal<'_> {
    fn write_sql(&self, out: &mut String) {
        // libpq's form for texts with a backslash begins with a space, so that it cannot join the word before it.
        out.push_str(escape_literal(self.0).trim_start());
    }
}

/// A quoted string constant that people see as stars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretLiteral<'a>(pub &'a Secret);

impl Fragment for SecretLiteral<'_> {
    fn write_sql(&self, out: &mut String) {
        let quoted = Zeroizing::new(escape_literal(self.0.expose()));
        out.push_str(quoted.trim_start());
    }

    fn write_redacted(&self, out: &mut String) {
        out.push_str("'***'");
    }
}

/// A word of the grammar. Only enums of this layer make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keyword(pub(super) &'static str);

impl Fragment for Keyword {
    fn write_sql(&self, out: &mut String) {
        out.push_str(self.0);
    }
}

impl Fragment for bool {
    fn write_sql(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Fragment for u64 {
    fn write_sql(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

/// Fragments with commas between them.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T: Fragment> Fragment for List<T> {
    fn tables(&self, found: &mut BTreeSet<TableName>) {
        self.0.iter().for_each(|it| it.tables(found));
    }

    fn write_sql(&self, out: &mut String) {
        for (at, item) in self.0.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ", " });
            item.write_sql(out);
        }
    }

    fn write_redacted(&self, out: &mut String) {
        for (at, item) in self.0.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ", " });
            item.write_redacted(out);
        }
    }
}

macro_rules! identifier {
    ($($type:ty),*) => {$(
        impl Fragment for $type {
            fn write_sql(&self, out: &mut String) {
                Ident(self.as_str()).write_sql(out);
            }
        }
    )*};
}

identifier!(RoleName, DatabaseName, SchemaName, PublicationName, SubscriptionName, IndexName, ColumnName, SlotName);

impl Fragment for TableName {
    fn tables(&self, found: &mut BTreeSet<TableName>) {
        found.insert(self.clone());
    }

    fn write_sql(&self, out: &mut String) {
        QualifiedName { schema: self.schema.as_str(), name: self.name() }.write_sql(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        for (name, quoted) in [
            ("plain", r#""plain""#),
            ("Upper Case", r#""Upper Case""#),
            ("a\"b", r#""a""b""#),
            ("a'; DROP TABLE t; --", r#""a'; DROP TABLE t; --""#),
            ("back\\slash", r#""back\slash""#),
            ("new\nline", "\"new\nline\""),
            ("$tag$ä€", "\"$tag$ä€\""),
        ] {
            let role = RoleName::parse(name).unwrap();
            assert_eq!(crate::sql!("DROP ROLE {}", role).as_sql(), format!("DROP ROLE {quoted}"));
        }
        let table = TableName::parse("s.x", "t\"y").unwrap();
        assert_eq!(crate::sql!("TABLE {}", table).as_sql(), r#"TABLE "s.x"."t""y""#);
    }

    #[test]
    fn literals_follow_libpq() {
        assert_eq!(crate::sql!("SELECT {}", Literal("it's")).as_sql(), "SELECT 'it''s'");
        assert_eq!(crate::sql!("SELECT {}", Literal("a\\'b")).as_sql(), "SELECT E'a\\\\''b'");
    }

    #[test]
    fn braces_inside_names_are_no_placeholders() {
        let names = List(vec![RoleName::parse("{}").unwrap(), RoleName::parse("b").unwrap()]);
        assert_eq!(crate::sql!("{} x {} y", names, true).as_sql(), r#""{}", "b" x true y"#);
        assert_eq!(placeholders("{}{} {x} {"), 2);
    }

    #[test]
    fn secrets_are_stars_for_people() {
        let password = Secret::new("hunter2");
        let statement = crate::sql!("ALTER ROLE {} PASSWORD {}", Ident("r"), SecretLiteral(&password));
        assert_eq!(statement.as_sql(), r#"ALTER ROLE "r" PASSWORD 'hunter2'"#);
        assert_eq!(
            format!("{statement} {statement:?}"),
            r#"ALTER ROLE "r" PASSWORD '***' ALTER ROLE "r" PASSWORD '***'"#
        );
        assert!(statement.has_secret());
        assert!(!crate::sql!("SELECT 1").has_secret());
    }
}
