//! What can go wrong on a server: a `Kind` to branch on, by SQLSTATE, and the server's own words for people.
//!
//! Message text decides in two places only: errors of Neon's proxy ([`neon_proxy`](super::neon_proxy)), and
//! `tuple concurrently updated` or `deleted`, which carry `XX000` too.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use tokio_postgres::error::SqlState;

use super::authentication::WeakRequest;
pub(crate) use super::error_kind::Kind;
use super::names::TableName;
use super::neon_proxy::{self, Remedy};
use super::sql::Statement;

impl Kind {
    /// The kind of an SQLSTATE with its primary message.
    pub(crate) fn of(sqlstate: &str, message: &str) -> Self {
        if let Some((kind, _)) = neon_proxy::cause(sqlstate, message) {
            return kind;
        }
        match sqlstate {
            "42710" | "42P06" | "42P07" => Self::AlreadyExists,
            "42704" => Self::UndefinedObject,
            "42P01" => Self::UndefinedTable,
            "3F000" => Self::UndefinedSchema,
            "3D000" => Self::UndefinedDatabase,
            "42501" => Self::InsufficientPrivilege,
            "25006" => Self::ReadOnlyServer,
            "55006" => Self::ObjectInUse,
            "55000" => Self::NotInState,
            "42602" => Self::InvalidName,
            "42809" | "22023" | "42P17" => Self::WrongObject,
            "2BP01" => Self::DependentObjects,
            "53400" => Self::NoFreeSlot,
            "58P01" => Self::UndefinedFile,
            "57014" => Self::QueryCancelled,
            "55P03" => Self::LockNotAvailable,
            "42601" | "42883" | "42703" => Self::NotUnderstood,
            "57P01" | "57P02" | "57P03" | "57P05" => Self::ConnectionLost,
            "53300" => Self::TooManyConnections,
            "40001" | "40P01" => Self::Serialization,
            "28P01" => Self::AuthFailed,
            "28000" => Self::LoginRefused,
            "XX000" if message.starts_with("tuple concurrently ") => Self::Serialization,
            _ if sqlstate.starts_with("08") => Self::ConnectionLost,
            _ => Self::Other,
        }
    }
}

/// An error of a server, or on the way to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Error(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    sqlstate: Option<String>,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    statement: Option<String>,
    /// Tables that the statement names.
    tables: BTreeSet<TableName>,
    remedy: Option<Remedy>,
}

/// Longest text of a server, and of a statement, that an error keeps, in characters.
const LONGEST: usize = 4_000;
const LONGEST_STATEMENT: usize = 500;

/// The text, cut with a count of what is left out.
fn bounded(text: &str, longest: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(longest) else { return text.to_owned() };
    format!("{} … ({} more characters)", &text[..end], text[end..].chars().count())
}

/// How a value or query of this layer ends.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of our own making.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            sqlstate: None,
            message: message.into(),
            detail: None,
            hint: None,
            statement: None,
            tables: BTreeSet::new(),
            remedy: None,
        }))
    }

    /// An error as a server reports it.
    pub(crate) fn of_server(sqlstate: &str, message: &str, detail: Option<&str>, hint: Option<&str>) -> Self {
        Self(Box::new(Parts {
            kind: Kind::of(sqlstate, message),
            sqlstate: Some(sqlstate.to_owned()),
            message: bounded(message, LONGEST),
            detail: detail.map(|it| bounded(it, LONGEST)),
            hint: hint.map(|it| bounded(it, LONGEST)),
            statement: None,
            tables: BTreeSet::new(),
            remedy: neon_proxy::cause(sqlstate, message).and_then(|(_, remedy)| remedy),
        }))
    }

    /// Translates an error of the driver.
    pub(super) fn of_driver(error: &tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            let told = Self::of_server(server.code().code(), server.message(), server.detail(), server.hint());
            let lost_race = server.code() == &SqlState::UNIQUE_VIOLATION && server.schema() == Some("pg_catalog");
            return if lost_race { told.with_kind(Kind::Serialization) } else { told };
        }
        if error.is_closed() {
            return Self::new(Kind::ConnectionLost, "the connection was closed");
        }
        let cause = error.source();
        let io = cause.and_then(|it| it.downcast_ref::<io::Error>());
        // rustls wraps its errors in those of IO.
        let of_tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let weak = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<WeakRequest>());
        if let Some(weak) = weak {
            return Self::new(Kind::WeakAuthentication, weak.to_string());
        }
        let kind = match io {
            Some(_) if of_tls.is_some() => Kind::Tls,
            // rustls says how to read its manual; of a server that crashes or a network that breaks, that is no help.
            Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
                return Self::new(Kind::ConnectionLost, "the connection was cut");
            }
            Some(io) if io.kind() == io::ErrorKind::InvalidInput => Kind::Config,
            Some(_) => Kind::ConnectionLost,
            None => Kind::Other,
        };
        let message = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        Self::new(kind, message)
    }

    /// Adds the statement, as people may see it; what the server said beside its primary message goes if that had a secret.
    pub(super) fn in_statement(mut self, statement: &Statement) -> Self {
        if statement.has_secret() {
            self.0.detail = None;
            self.0.hint = None;
        }
        self.0.statement = Some(bounded(statement.redacted(), LONGEST_STATEMENT));
        self.0.tables.clone_from(statement.tables());
        self
    }

    /// Adds what the server said to look at.
    pub(super) fn with_detail(mut self, detail: String) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// The same error under another kind.
    pub(super) fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same error with words before its message.
    pub(super) fn while_doing(mut self, doing: &str) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// What to branch on.
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether this is the server's word that an administrator ended the session (57P01). A server that crashes (57P02) may say so in
    /// the middle of anything.
    pub(super) fn is_end_of_session(&self) -> bool {
        self.sqlstate() == Some("57P01")
    }

    /// Whether the user has interrupted the run: no server has answered.
    pub(crate) fn is_interruption(&self) -> bool {
        self.kind() == Kind::QueryCancelled && self.sqlstate().is_none()
    }

    /// Tables that the statement names.
    pub(super) fn tables(&self) -> &BTreeSet<TableName> {
        &self.0.tables
    }

    /// What cures it, if it is one of Neon's proxy that does not go away by itself.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        self.0.remedy
    }

    /// The five characters, if a server has answered.
    pub(crate) fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// The server's primary message, or ours.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's DETAIL.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The server's HINT.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The statement, with stars for secrets.
    pub(crate) fn statement(&self) -> Option<&str> {
        self.0.statement.as_deref()
    }
}

/// All that is known but the statement, on one or more lines.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(sqlstate) = &self.0.sqlstate {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        if let Some(detail) = &self.0.detail {
            write!(f, "\nDetail: {detail}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        match &self.0.statement {
            Some(statement) => write!(f, "\nStatement: {statement}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::SecretLiteral;
    use crate::secret::Secret;

    #[test]
    fn sqlstates_decide() {
        for (sqlstate, kind) in [
            ("42710", Kind::AlreadyExists),
            ("42704", Kind::UndefinedObject),
            ("42P01", Kind::UndefinedTable),
            ("42501", Kind::InsufficientPrivilege),
            ("25006", Kind::ReadOnlyServer),
            ("55006", Kind::ObjectInUse),
            ("55000", Kind::NotInState),
            ("2BP01", Kind::DependentObjects),
            ("53400", Kind::NoFreeSlot),
            ("57014", Kind::QueryCancelled),
            ("55P03", Kind::LockNotAvailable),
            ("08006", Kind::ConnectionLost),
            ("57P01", Kind::ConnectionLost),
            ("40P01", Kind::Serialization),
            ("28P01", Kind::AuthFailed),
            ("22012", Kind::Other),
        ] {
            assert_eq!(Kind::of(sqlstate, "tuple concurrently updated"), kind, "{sqlstate}");
        }
    }

    #[test]
    fn texts_decide_for_internal_errors_only() {
        for (sqlstate, message, kind) in [
            ("XX000", "tuple concurrently updated", Kind::Serialization),
            ("XX000", "tuple concurrently deleted", Kind::Serialization),
            ("XX000", "cache lookup failed for relation 5", Kind::Other),
            ("XX000", "password authentication failed for user 'x'", Kind::AuthFailed),
            ("28000", "The endpoint has been disabled. Enable it using the API and retry.", Kind::EndpointDisabled),
            ("28000", "role \"x\" does not exist", Kind::LoginRefused),
            ("53300", "sorry, too many clients already", Kind::TooManyConnections),
            ("53300", "in another language", Kind::TooManyConnections),
            ("42501", "The endpoint has been disabled", Kind::InsufficientPrivilege),
        ] {
            assert_eq!(Kind::of(sqlstate, message), kind, "{sqlstate} {message}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let error = Error::of_server("42501", &"x".repeat(10_000_000), None, None);
        assert!(error.message().ends_with("x … (9996000 more characters)") && error.message().len() < 4_100);
        assert_eq!(bounded("ääb", 2), "ää … (1 more characters)");
        assert_eq!(bounded("ää", 2), "ää");
    }

    #[test]
    fn a_secret_statement_takes_detail_and_hint_away() {
        let server = || Error::of_server("42501", "no", Some("the statement again: hunter2"), Some("hunter2"));
        let secret = crate::sql!("ALTER ROLE r PASSWORD {}", SecretLiteral(&Secret::new("hunter2")));
        let shown = format!("{0} {0:?}", server().in_statement(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
        let open = server().in_statement(&crate::sql!("SELECT 1"));
        assert_eq!(open.to_string(), "no (SQLSTATE 42501)\nDetail: the statement again: hunter2\nHint: hunter2");
    }

    #[test]
    fn an_error_is_small() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
