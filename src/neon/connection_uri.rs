//! Host, port and password of a role for a database, from the URI that the API gives.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

use super::ids::{BranchId, InvalidId, ProjectId, check_name};
use super::request::{self, Method, Path, Request, Unreadable};
use crate::secret::Secret;

/// Postgres's own port, where the URI names none.
const DEFAULT_PORT: u16 = 5432;

/// Longest host name and longest label, in bytes (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// The parts of `postgresql://ROLE:PASSWORD@HOST[:PORT]/DATABASE?…`, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionUri {
    /// A DNS name or an IP address, an IPv6 address without brackets. The caller refuses a pooled host.
    pub host: String,
    /// 5432 where the URI names none.
    pub port: u16,
    /// The role as which to log in.
    pub user: String,
    /// `None` if the project does not store passwords.
    pub password: Option<Secret>,
    /// The database to connect to.
    pub database: String,
}

#[derive(Deserialize)]
struct Given {
    uri: String,
}

/// Whether a host is the pooler's. `PgBouncer` in transaction mode cannot replicate and does not keep session settings.
pub(crate) fn is_pooler_host(host: &str) -> bool {
    host.split('.').next().is_some_and(|label| label.ends_with("-pooler"))
}

/// The host as it is written in a URI: an IPv6 address in brackets (RFC 3986, section 3.2.2).
pub(crate) fn host_in_uri(host: &str) -> Cow<'_, str> {
    if host.parse::<Ipv6Addr>().is_ok() { Cow::Owned(format!("[{host}]")) } else { Cow::Borrowed(host) }
}

/// Whether a text is a DNS name or an IP address. libpq and its like take other texts for a socket's folder, for several hosts
/// or for parameters.
fn is_host(text: &str) -> bool {
    if text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Resolvers read a name of digits only as an address in an old notation.
    let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= LONGEST_HOST && !numeric && text.split('.').all(label)
}

/// Takes a URI apart. The error never repeats it, because the password is in it.
fn parse(uri: &str) -> Result<ConnectionUri, Unreadable> {
    let wrong = |why: &str| Unreadable(format!("the connection URI {why}"));
    let url = Url::parse(uri).map_err(|error| wrong(&format!("is not a URI: {error}")))?;
    if !matches!(url.scheme(), "postgresql" | "postgres") {
        return Err(wrong("is not one of Postgres"));
    }
    let plain = |text: &str| {
        percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong("holds bytes that are not UTF-8"))
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
    let host = plain(host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host))?;
    if !is_host(&host) {
        return Err(wrong("names a host that is neither a DNS name nor an IP address"));
    }
    let user = plain(url.username())?;
    if user.is_empty() {
        return Err(wrong("names no role"));
    }
    let password = url.password().filter(|text| !text.is_empty()).map(plain).transpose()?;
    Ok(ConnectionUri {
        host,
        port: url.port().unwrap_or(DEFAULT_PORT),
        user,
        password: password.map(Secret::new),
        database: plain(url.path().strip_prefix('/').unwrap_or_default())?,
    })
}

/// On the direct host, which the query says explicitly.
pub(crate) fn get(
    project: &ProjectId,
    branch: &BranchId,
    database: &str,
    role: &str,
) -> Result<Request<ConnectionUri>, InvalidId> {
    check_name("database", database)?;
    check_name("role", role)?;
    let path = Path::of("projects").id(project).word("connection_uri");
    Ok(Request::new(Method::Get, path, |answer| {
        let Given { uri } = request::json(answer)?;
        parse(&uri)
    })
    .query("branch_id", branch.as_str())
    .query("database_name", database)
    .query("role_name", role)
    .query("pooled", "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_apart() {
        let uri = parse("postgresql://al%20ex:p%40ss%2Fw%25@ep-1.c-2.eu.aws.neon.tech/my%2Fdb?sslmode=require&channel_binding=require")
            .expect("legal");
        assert_eq!(uri.host, "ep-1.c-2.eu.aws.neon.tech");
        assert_eq!((uri.port, uri.user.as_str(), uri.database.as_str()), (5432, "al ex", "my/db"));
        assert_eq!(uri.password.as_ref().map(Secret::expose), Some("p@ss/w%"));
        assert!(!format!("{uri:?}").contains("ss/w"));
        assert_eq!(parse("postgres://u:p@localhost:54321/db").map(|uri| uri.port), Ok(54321));
        assert_eq!(parse("postgres://u@[::1]:1/db").map(|uri| (uri.host, uri.password)), Ok(("::1".to_owned(), None)));
    }

    #[test]
    fn a_host_is_a_dns_name_or_an_ip_address() {
        let host = |authority: &str| parse(&format!("postgresql://u:npg_secret@{authority}/db")).map(|uri| uri.host);
        for (good, read) in [
            ("ep-1.c-2.eu.aws.neon.tech", "ep-1.c-2.eu.aws.neon.tech"),
            ("localhost:5433", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:db8::1]:5432", "2001:db8::1"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(host(good).as_deref(), Ok(read));
        }
        for bad in [
            "",
            "%2Ftmp",
            "%2Fvar%2Frun%2Fpostgresql",
            "::1",
            "a,b",
            "a%2Cb",
            "a%20b",
            "a%00b",
            "a%3Fhost=%2Ftmp",
            "@::1",
            "a..b",
            ".a",
            "a.",
            "-a",
            "127.1",
            "2130706433",
            "0x7f.1",
            "%40abstract",
            "[::1%25eth0]",
            "b%C3%BCcher.example",
            &"a".repeat(64),
            &"a.".repeat(130),
        ] {
            let wrong = host(bad).expect_err(bad).0;
            assert!(!wrong.contains("npg_secret"), "{wrong}");
        }
        for bad in ["postgresql:///?host=/tmp", "postgresql://u:npg_secret@/?x=", "postgresql://host/db"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_in_a_uri() {
        assert_eq!(host_in_uri("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(host_in_uri("127.0.0.1"), "127.0.0.1");
        assert_eq!(host_in_uri("ep-1.neon.tech"), "ep-1.neon.tech");
    }

    #[test]
    fn a_wrong_uri_is_not_repeated() {
        for bad in [
            "npg_secret",
            "postgresql://u:npg_secret@h:99999/db",
            "https://u:npg_secret@h/db",
            "postgresql:///npg_secret",
        ] {
            let wrong = parse(bad).expect_err(bad).0;
            assert!(!wrong.contains("npg_secret"), "{wrong}");
        }
    }

    #[test]
    fn a_pooler_is_known_by_its_first_label() {
        assert!(is_pooler_host("ep-1-pooler.c-2.eu.aws.neon.tech"));
        assert!(is_pooler_host("ep-1-pooler"));
        assert!(!is_pooler_host("ep-1.my-pooler.neon.tech"));
        assert!(!is_pooler_host("ep-pooler-1.neon.tech"));
    }

    #[test]
    fn request() {
        let project = ProjectId::parse("p-1").expect("legal");
        let branch = BranchId::parse("br-1").expect("legal");
        assert_eq!(
            format!("{:?}", get(&project, &branch, "my db", "a&b").expect("legal")),
            "GET /projects/p-1/connection_uri?branch_id=br-1&database_name=my%20db&role_name=a%26b&pooled=false"
        );
    }
}
