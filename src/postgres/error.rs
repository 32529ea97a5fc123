//! What can go wrong on a server: a `Kind` to branch on, by SQLSTATE, and the server's own words for people.
//!
//! Message text decides in two places only: errors of Neon's proxy, which all carry `XX000`, and
//! `tuple concurrently updated`, which does too.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::sql::Statement;

/// What to do about an error depends on this. By SQLSTATE (manual, appendix A) unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// 42710, 42P06, 42P07: an object of that name is there.
    AlreadyExists,
    /// 42704: a role, publication, slot … that is not there.
    UndefinedObject,
    /// 42P01.
    UndefinedTable,
    /// 3F000.
    UndefinedSchema,
    /// 3D000: the database does not exist.
    UndefinedDatabase,
    /// 42501.
    InsufficientPrivilege,
    /// 55006: a slot with a consumer, a role or database in use.
    ObjectInUse,
    /// 55000: not in the state that is needed, such as `wal_level` below `logical`.
    NotInState,
    /// 42602: a name that the object does not allow.
    InvalidName,
    /// 42809, 22023, 42P17: the object is of the wrong kind for that, such as a view in a publication.
    WrongObject,
    /// 2BP01: other objects depend on it.
    DependentObjects,
    /// 53400: all replication slots are in use.
    NoFreeSlot,
    /// 58P01 with a plugin: the library is not installed.
    UndefinedFile,
    /// 57014: cancelled, by us or by `statement_timeout`.
    QueryCancelled,
    /// 55P03: a lock was not to be had within `lock_timeout`.
    LockNotAvailable,
    /// 42601, 42883, 42703: the server is too old for this, or a bug of ours.
    NotUnderstood,
    /// 08xxx, 57P01 to 57P05, 53300, an IO error: the connection is gone or could not be made; another try may succeed.
    ConnectionLost,
    /// The connection was lost after COMMIT was sent: only reading tells whether it took effect.
    CommitUnknown,
    /// 40001, 40P01, and `tuple concurrently updated`: run the transaction again.
    Serialization,
    /// 28P01, 28000, and the proxy's `password authentication failed`.
    AuthFailed,
    /// The server's certificate or its TLS was refused.
    Tls,
    /// Neon's proxy: this address is not allowed (IP Allow).
    IpNotAllowed,
    /// Neon's proxy: public access is blocked for this project.
    BlockedNetwork,
    /// Neon's proxy: the endpoint is disabled.
    EndpointDisabled,
    /// Neon's proxy: no such endpoint.
    EndpointNotFound,
    /// Neon's proxy: no SNI, so it does not know the endpoint.
    EndpointNotNamed,
    /// Neon's proxy: the pooled host was used.
    PooledHost,
    /// Our own deadline passed.
    Timeout,
    /// Our own deadline passed while all sessions were in use; the message names what uses them.
    SessionsBusy,
    /// An answer that does not have the columns or values that it must have: a bug of ours.
    Decode,
    /// Settings that cannot work, such as a root certificate file that cannot be read.
    Config,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of an SQLSTATE with its primary message.
    pub fn of(sqlstate: &str, message: &str) -> Self {
        match sqlstate {
            "42710" | "42P06" | "42P07" => Self::AlreadyExists,
            "42704" => Self::UndefinedObject,
            "42P01" => Self::UndefinedTable,
            "3F000" => Self::UndefinedSchema,
            "3D000" => Self::UndefinedDatabase,
            "42501" => Self::InsufficientPrivilege,
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
            "57P01" | "57P02" | "57P03" | "57P05" | "53300" => Self::ConnectionLost,
            "40001" | "40P01" => Self::Serialization,
            "28P01" | "28000" => Self::AuthFailed,
            "XX000" => Self::of_internal(message),
            _ if sqlstate.starts_with("08") => Self::ConnectionLost,
            _ => Self::Other,
        }
    }

    /// The proxy gives each of its errors `XX000` (`proxy/src/stream.rs`), so here the text decides.
    fn of_internal(message: &str) -> Self {
        const BY_START: [(&str, Kind); 13] = [
            ("tuple concurrently updated", Kind::Serialization),
            ("Couldn't connect to compute node", Kind::ConnectionLost),
            ("Control plane request failed: endpoint is disabled", Kind::EndpointDisabled),
            ("Control plane request failed: endpoint cannot be found", Kind::EndpointNotFound),
            ("Control plane request failed: endpoint is temporarily unavailable", Kind::ConnectionLost),
            ("Too many connections", Kind::ConnectionLost),
            ("Failed to acquire permit to connect", Kind::ConnectionLost),
            ("password authentication failed", Kind::AuthFailed),
            ("This IP address", Kind::IpNotAllowed),
            ("This connection is trying to access this endpoint from a blocked network", Kind::BlockedNetwork),
            ("Endpoint ID is not specified", Kind::EndpointNotNamed),
            ("VPC endpoint ID is not specified", Kind::BlockedNetwork),
            ("unsupported startup parameter", Kind::PooledHost),
        ];
        if message == "Control plane request failed" {
            return Self::ConnectionLost;
        }
        BY_START.iter().find(|(start, _)| message.starts_with(start)).map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// An error of a server, or on the way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    sqlstate: Option<String>,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    statement: Option<String>,
}

/// How a value or query of this layer ends.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of our own making.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            sqlstate: None,
            message: message.into(),
            detail: None,
            hint: None,
            statement: None,
        }))
    }

    /// An error as a server reports it.
    pub(super) fn of_server(sqlstate: &str, message: &str, detail: Option<&str>, hint: Option<&str>) -> Self {
        Self(Box::new(Parts {
            kind: Kind::of(sqlstate, message),
            sqlstate: Some(sqlstate.to_owned()),
            message: message.to_owned(),
            detail: detail.map(str::to_owned),
            hint: hint.map(str::to_owned),
            statement: None,
        }))
    }

    /// Translates an error of the driver.
    pub(super) fn of_driver(error: &tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            return Self::of_server(server.code().code(), server.message(), server.detail(), server.hint());
        }
        if error.is_closed() {
            return Self::new(Kind::ConnectionLost, "the connection was closed");
        }
        let cause = error.source();
        let io = cause.and_then(|it| it.downcast_ref::<io::Error>());
        // rustls wraps its errors in those of IO.
        let of_tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let kind = match io {
            Some(_) if of_tls.is_some() => Kind::Tls,
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
        self.0.statement = Some(statement.redacted().to_owned());
        self
    }

    /// Adds the text of a read.
    pub(super) fn in_query(mut self, query: &'static str) -> Self {
        self.0.statement = Some(query.trim().to_owned());
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
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether this is the server's word that an administrator ended the session (57P01). A server that crashes (57P02) may say so in
    /// the middle of anything.
    pub(super) fn is_end_of_session(&self) -> bool {
        self.sqlstate() == Some("57P01")
    }

    /// The five characters, if a server has answered.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// The server's primary message, or ours.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's DETAIL.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The server's HINT.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The statement, with stars for secrets.
    pub fn statement(&self) -> Option<&str> {
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
        for (message, kind) in [
            ("tuple concurrently updated", Kind::Serialization),
            ("Couldn't connect to compute node", Kind::ConnectionLost),
            ("Control plane request failed", Kind::ConnectionLost),
            ("Control plane request failed: something of the control plane", Kind::Other),
            ("Control plane request failed: endpoint is disabled", Kind::EndpointDisabled),
            ("Control plane request failed: endpoint cannot be found", Kind::EndpointNotFound),
            ("This IP address 192.0.2.1 is not allowed to connect to this endpoint.", Kind::IpNotAllowed),
            ("password authentication failed for user 'x'", Kind::AuthFailed),
            ("Endpoint ID is not specified. Either please upgrade", Kind::EndpointNotNamed),
            ("cache lookup failed for relation 5", Kind::Other),
        ] {
            assert_eq!(Kind::of("XX000", message), kind, "{message}");
            assert_ne!(Kind::of("42501", message), kind, "{message}");
        }
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
