//! Errors of Neon's proxy, which stands in front of each compute: the one place where the text of an error decides.
//!
//! The proxy gives its own errors, and those that Postgres has during start-up, the SQLSTATE `XX000` (neondatabase/neon,
//! `proxy/src/stream.rs`); live Neon has begun to send others. Texts are those of the proxy's source and of public logs of 2026.

use std::time::Duration;

use super::error_kind::Kind;

/// For how long the proxy may repeat an answer of the control plane after the endpoint has changed: it keeps them for 30 s.
pub(crate) const ENDPOINT_CACHE: Duration = Duration::from_secs(35);

/// For how long the proxy may know an old password: it keeps them for 4 minutes, unless it is told of the change.
pub(crate) const PASSWORD_CACHE: Duration = Duration::from_mins(4);

/// What cures an error that does not go away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy {
    /// Enable the endpoint by the API or in the console.
    EnableEndpoint,
    /// The endpoint was deleted, or the branch is another one.
    CheckEndpoint,
    /// The compute itself refused the password, so the endpoint is there: the password was changed.
    ResetPassword,
    /// The password was changed, or the endpoint was deleted: the proxy says the same of both.
    CheckPasswordOrEndpoint,
    /// Add the address to the project's IP Allow list.
    AllowAddress,
    /// Allow public access, or connect from the private network.
    AllowNetwork,
    /// Use the direct host instead of the pooled one.
    UseDirectHost,
    /// Send the server's name by TLS.
    NameEndpoint,
    /// Encrypt the connection.
    UseTls,
    /// Raise a quota of the account or project, or wait for the next period.
    RaiseQuota,
    /// Suspend other endpoints.
    SuspendEndpoints,
    /// Connect as a role that is not protected.
    UseOtherRole,
    /// Lower `max_connections` or raise the limit of the role or server.
    LowerConnections,
    /// Create the database, or name one that exists.
    CheckDatabase,
}

#[derive(Clone, Copy, Debug)]
enum Text {
    Is(&'static str),
    Starts(&'static str),
    /// Starts and ends so, with a name in between.
    Around(&'static str, &'static str),
}

impl Text {
    fn matches(self, message: &str) -> bool {
        match self {
            Self::Is(text) => message == text,
            Self::Starts(start) => message.starts_with(start),
            Self::Around(start, end) => message.starts_with(start) && message.ends_with(end),
        }
    }
}

/// A text, the kind of error that it is, and what cures it; without a cure it goes away by itself. The first that fits counts.
const CAUSES: &[(Text, Kind, Option<Remedy>)] = &[
    // Of Postgres, relayed without its SQLSTATE.
    (Text::Starts("the database system is"), Kind::ConnectionLost, None),
    (Text::Starts("sorry, too many clients already"), Kind::TooManyConnections, Some(Remedy::LowerConnections)),
    (Text::Starts("remaining connection slots are reserved"), Kind::TooManyConnections, Some(Remedy::LowerConnections)),
    (Text::Starts("too many connections for"), Kind::TooManyConnections, Some(Remedy::LowerConnections)),
    (Text::Around("database \"", "\" does not exist"), Kind::UndefinedDatabase, Some(Remedy::CheckDatabase)),
    (Text::Around("role \"", "\" is not permitted to log in"), Kind::LoginRefused, Some(Remedy::UseOtherRole)),
    // Of the proxy itself.
    (Text::Starts("error communicating with the server"), Kind::ConnectionLost, None),
    (Text::Starts("Couldn't connect to compute node"), Kind::ConnectionLost, None),
    (Text::Starts("Too many connections attempts"), Kind::ConnectionLost, None),
    (Text::Starts("Too many connections to this endpoint"), Kind::ConnectionLost, None),
    (Text::Starts("Failed to acquire permit to connect"), Kind::ConnectionLost, None),
    (
        Text::Starts("password authentication failed for user '"),
        Kind::AuthFailed,
        Some(Remedy::CheckPasswordOrEndpoint),
    ),
    // The compute writes the name in double quotes.
    (Text::Starts("password authentication failed for user \""), Kind::AuthFailed, Some(Remedy::ResetPassword)),
    (Text::Starts("password authentication failed"), Kind::AuthFailed, Some(Remedy::CheckPasswordOrEndpoint)),
    (Text::Starts("This IP address"), Kind::IpNotAllowed, Some(Remedy::AllowAddress)),
    (
        Text::Starts("This connection is trying to access this endpoint from a blocked network"),
        Kind::BlockedNetwork,
        Some(Remedy::AllowNetwork),
    ),
    (Text::Starts("Endpoint ID is not specified"), Kind::EndpointNotNamed, Some(Remedy::NameEndpoint)),
    (Text::Starts("Inconsistent project name inferred from SNI"), Kind::EndpointNotNamed, Some(Remedy::NameEndpoint)),
    (Text::Starts("VPC endpoint ID is not specified"), Kind::BlockedNetwork, Some(Remedy::AllowNetwork)),
    (Text::Starts("unsupported startup parameter"), Kind::PooledHost, Some(Remedy::UseDirectHost)),
    (Text::Starts("connection is insecure"), Kind::Tls, Some(Remedy::UseTls)),
    // Of the control plane, passed through.
    (Text::Is("Control plane request failed"), Kind::ConnectionLost, None),
    (
        Text::Starts("Control plane request failed: endpoint is disabled"),
        Kind::EndpointDisabled,
        Some(Remedy::EnableEndpoint),
    ),
    (
        Text::Starts("Control plane request failed: endpoint cannot be found"),
        Kind::EndpointNotFound,
        Some(Remedy::CheckEndpoint),
    ),
    (Text::Starts("Control plane request failed: endpoint is temporarily unavailable"), Kind::ConnectionLost, None),
    (Text::Starts("The endpoint has been disabled"), Kind::EndpointDisabled, Some(Remedy::EnableEndpoint)),
    (Text::Starts("The requested endpoint could not be found"), Kind::EndpointNotFound, Some(Remedy::CheckEndpoint)),
    (Text::Starts("Your project already has running operations"), Kind::ConnectionLost, None),
    (Text::Starts("You've exceeded the rate limit"), Kind::ConnectionLost, None),
    (
        Text::Starts("You have exceeded the limit of concurrently active endpoints"),
        Kind::QuotaExceeded,
        Some(Remedy::SuspendEndpoints),
    ),
    (Text::Around("Your ", "quota."), Kind::QuotaExceeded, Some(Remedy::RaiseQuota)),
    (Text::Starts("Your account or project has exceeded"), Kind::QuotaExceeded, Some(Remedy::RaiseQuota)),
    (Text::Starts("Your project has exceeded"), Kind::QuotaExceeded, Some(Remedy::RaiseQuota)),
    (Text::Starts("You've exceeded the compute time"), Kind::QuotaExceeded, Some(Remedy::RaiseQuota)),
    (Text::Starts("The role you're attempting to use is protected"), Kind::LoginRefused, Some(Remedy::UseOtherRole)),
];

/// The kind of an error by its text, for SQLSTATEs that the proxy uses; `None` if the text is none of the proxy's. Text of any other
/// SQLSTATE decides nothing.
pub(super) fn cause(sqlstate: &str, message: &str) -> Option<(Kind, Option<Remedy>)> {
    if !matches!(sqlstate, "XX000" | "28000" | "28P01" | "08006" | "53300") {
        return None;
    }
    CAUSES.iter().find(|(text, ..)| text.matches(message)).map(|(_, kind, remedy)| (*kind, *remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One text for each row, in the order of the table.
    const SEEN: &[(&str, Kind)] = &[
        ("the database system is starting up", Kind::ConnectionLost),
        ("sorry, too many clients already", Kind::TooManyConnections),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", Kind::TooManyConnections),
        ("too many connections for role \"x\"", Kind::TooManyConnections),
        ("database \"nothing\" does not exist", Kind::UndefinedDatabase),
        ("role \"x\" is not permitted to log in", Kind::LoginRefused),
        ("error communicating with the server: early eof", Kind::ConnectionLost),
        ("Couldn't connect to compute node", Kind::ConnectionLost),
        ("Too many connections attempts", Kind::ConnectionLost),
        ("Too many connections to this endpoint. Please try again later.", Kind::ConnectionLost),
        (
            "Failed to acquire permit to connect to the database. Too many database connection attempts",
            Kind::ConnectionLost,
        ),
        ("password authentication failed for user 'x'", Kind::AuthFailed),
        ("password authentication failed for user \"x\"", Kind::AuthFailed),
        ("password authentication failed", Kind::AuthFailed),
        ("This IP address 192.0.2.1 is not allowed to connect to this endpoint.", Kind::IpNotAllowed),
        ("This connection is trying to access this endpoint from a blocked network.", Kind::BlockedNetwork),
        ("Endpoint ID is not specified. Either please upgrade", Kind::EndpointNotNamed),
        ("Inconsistent project name inferred from SNI ('a') and project option ('b').", Kind::EndpointNotNamed),
        ("VPC endpoint ID is not specified", Kind::BlockedNetwork),
        ("unsupported startup parameter: replication", Kind::PooledHost),
        ("connection is insecure (try using `sslmode=require`)", Kind::Tls),
        ("Control plane request failed", Kind::ConnectionLost),
        ("Control plane request failed: endpoint is disabled", Kind::EndpointDisabled),
        ("Control plane request failed: endpoint cannot be found", Kind::EndpointNotFound),
        (
            "Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support.",
            Kind::ConnectionLost,
        ),
        ("The endpoint has been disabled. Enable it using the API and retry.", Kind::EndpointDisabled),
        (
            "The requested endpoint could not be found, or you don't have access to it. Please check the provided ID and try again.",
            Kind::EndpointNotFound,
        ),
        (
            "Your project already has running operations. Please wait until they complete, and then try again.",
            Kind::ConnectionLost,
        ),
        ("You've exceeded the rate limit. Please wait a moment and try again.", Kind::ConnectionLost),
        ("You have exceeded the limit of concurrently active endpoints.", Kind::QuotaExceeded),
        ("Your account or project has exceeded the compute time quota.", Kind::QuotaExceeded),
        ("Your account or project has exceeded the compute time quota. Upgrade your plan", Kind::QuotaExceeded),
        ("Your project has exceeded the data transfer quota. Upgrade your plan", Kind::QuotaExceeded),
        ("You've exceeded the compute time for this branch.", Kind::QuotaExceeded),
        ("The role you're attempting to use is protected.", Kind::LoginRefused),
    ];

    #[test]
    fn each_row_of_the_table_has_its_text() {
        assert_eq!(SEEN.len(), CAUSES.len());
        for ((seen, kind), (text, expected, remedy)) in SEEN.iter().zip(CAUSES) {
            assert!(text.matches(seen) && kind == expected, "{seen}: {text:?}");
            assert_eq!(cause("XX000", seen), Some((*kind, *remedy)), "{seen}: an earlier row fits too");
            assert_eq!(cause("42501", seen), None, "{seen}");
            assert_eq!(
                remedy.is_none(),
                *kind == Kind::ConnectionLost,
                "{seen}: what goes away by itself needs no cure"
            );
        }
    }

    #[test]
    fn texts_of_nobody_decide_nothing() {
        for message in
            ["Control plane request failed: something new", "cache lookup failed for relation 5", "Your query"]
        {
            assert_eq!(cause("XX000", message), None, "{message}");
        }
    }
}
