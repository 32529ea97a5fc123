//! The way into a database: host, port and password, taken from the URI that the API gives.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::error::{Error, Kind};
use super::ids::{BranchId, ProjectId, check_name};
use super::request::{self, Method, Path, Request, Unreadable};
use super::retry::Budget;
use crate::secret::Secret;

/// Postgres' own port, if the URI names none.
const DEFAULT_PORT: u16 = 5432;

/// The parts of `postgresql://ROLE:PASSWORD@HOST[:PORT]/DATABASE?…`, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionUri {
    /// The host; the caller refuses a pooled one.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Absent if the project does not store passwords.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
}

#[derive(Deserialize)]
struct Given {
    uri: String,
}

/// Whether a host is a pooler's: `PgBouncer` in transaction mode cannot replicate, and session settings do not hold on it.
pub fn is_pooler_host(host: &str) -> bool {
    host.split('.').next().is_some_and(|label| label.ends_with("-pooler"))
}

/// Takes a URI apart. The error never repeats it: the password is in it.
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
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let password = url.password().filter(|text| !text.is_empty()).map(plain).transpose()?;
    Ok(ConnectionUri {
        host: plain(host)?,
        port: url.port().unwrap_or(DEFAULT_PORT),
        user: plain(url.username())?,
        password: password.map(Secret::new),
        database: plain(url.path().strip_prefix('/').unwrap_or_default())?,
    })
}

/// The direct host, said explicitly: the pooled one is never wanted.
pub(crate) fn get(
    project: &ProjectId,
    branch: &BranchId,
    database: &str,
    role: &str,
) -> Result<Request<ConnectionUri>, Error> {
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

impl Client {
    /// Host, port and password of a role for a database, by the branch's read-write endpoint.
    pub async fn connection_uri(
        &self,
        project: &ProjectId,
        branch: &BranchId,
        database: &str,
        role: &str,
        budget: &Budget,
    ) -> Result<ConnectionUri, Error> {
        let uri = self.send(&get(project, branch, database, role)?, budget).await?;
        if uri.user.is_empty() {
            return Err(Error::new(Kind::NotJson, "the connection URI that the API gave names no role"));
        }
        Ok(uri)
    }
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
