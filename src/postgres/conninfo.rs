//! Connection strings as libpq reads them (manual, 34.1.1): what a subscription connects to.
//!
//! Only what must be known before the server gets the string is read. No error repeats a part of it, because a malformed
//! string may have the password in any place.

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// The port that libpq uses where none is named.
const PORT: u16 = 5432;

/// Options that libpq of any version from 14 knows (`PQconninfoOptions` in `fe-connect.c`), and those of its URI form.
const KEYWORDS: [&str; 47] = [
    "service",
    "servicefile",
    "user",
    "password",
    "passfile",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "client_encoding",
    "options",
    "application_name",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "sslmode",
    "ssl",
    "sslnegotiation",
    "sslcompression",
    "sslcert",
    "sslkey",
    "sslcertmode",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "sslkeylogfile",
    "requirepeer",
    "require_auth",
    "min_protocol_version",
    "max_protocol_version",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "gssencmode",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
    "replication",
    "target_session_attrs",
    "load_balance_hosts",
    "scram_client_key",
];

/// Why a text is not a connection string. Its `Display` is a sentence without a final period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// No text.
    #[error("it is empty")]
    Empty,
    /// A percent sign that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
    #[error(
        "a percent sign in the URI is not followed by two hexadecimal digits; a `%` in a password is written `%25`"
    )]
    Escape,
    /// `]` is missing, or something else than a port follows it.
    #[error("an IPv6 address in the URI is not closed with `]`")]
    Address,
    /// A host with a character that no host name has.
    #[error(
        "the host is not a host name or an address; a `@`, `:` or `/` in a user or password of a URI is percent-encoded"
    )]
    Host,
    /// A port that is not a number.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// Something that is not `keyword=value`.
    #[error("it is neither a URI (`postgresql://…`) nor a list of `keyword=value`; a value with a space is quoted")]
    NotPairs,
    /// A quote is not closed.
    #[error("a quoted value is not closed")]
    Quote,
    /// A keyword that libpq does not have.
    #[error("it has an option that libpq does not have; a value with a space is quoted")]
    Keyword,
    /// Nothing says to which server to connect.
    #[error("it names no host, so that the subscriber would connect to itself")]
    NoHost,
}

/// What a connection string says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnInfo {
    hosts: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<u16>,
    database: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    has_service: bool,
}

impl ConnInfo {
    /// Reads a connection string. From here on no message repeats its password.
    pub(crate) fn parse(text: &Secret) -> Result<Self, Malformed> {
        let text = text.expose();
        if text.trim().is_empty() {
            return Err(Malformed::Empty);
        }
        let mut found = Self::default();
        match ["postgresql://", "postgres://"].iter().find_map(|it| text.strip_prefix(it)) {
            Some(rest) => found.read_uri(rest)?,
            None => found.read_pairs(text)?,
        }
        let named = found.hosts.iter().chain(&found.addresses).any(|it| !it.is_empty());
        if !named && !found.has_service { Err(Malformed::NoHost) } else { Ok(found) }
    }

    /// The database; libpq uses the name of the user where none is named.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref().or(self.user.as_deref())
    }

    /// Whether it goes through Neon's connection pooler, which does not replicate.
    pub(crate) fn is_pooled(&self) -> bool {
        self.hosts.iter().any(|host| host.split('.').next().is_some_and(|label| label.ends_with("-pooler")))
    }

    /// Whether it may lead to that server. Names of this machine are one name.
    pub(crate) fn leads_to(&self, host: &str, port: u16) -> bool {
        let port_of = |at: usize| match self.ports.as_slice() {
            [] => PORT,
            [one] => *one,
            all => all.get(at).copied().unwrap_or(PORT),
        };
        let host = normal(host);
        let same = |hosts: &[String]| {
            hosts.iter().enumerate().any(|(at, it)| !it.is_empty() && normal(it) == host && port_of(at) == port)
        };
        same(&self.hosts) || same(&self.addresses)
    }

    /// `user:password@host:port,…/database?option=value&…`
    fn read_uri(&mut self, rest: &str) -> Result<(), Malformed> {
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        // As libpq: the user ends at the first `@` or `/`.
        let rest = match rest.find(['@', '/']) {
            Some(at) if rest.as_bytes()[at] == b'@' => {
                let (user, password) = rest[..at].split_once(':').map_or((&rest[..at], None), |(u, p)| (u, Some(p)));
                self.set("user", &decoded(user)?)?;
                if let Some(password) = password {
                    self.set("password", &decoded(password)?)?;
                }
                &rest[at + 1..]
            }
            _ => rest,
        };
        let (hosts, database) = rest.split_once('/').map_or((rest, None), |(hosts, database)| (hosts, Some(database)));
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for part in hosts.split(',') {
            let (host, port) = host_and_port(part)?;
            names.push(decoded(host)?);
            ports.push(port.to_owned());
        }
        if names.iter().any(|it| !it.is_empty()) {
            self.set("host", &names.join(","))?;
        }
        if ports.iter().any(|it| !it.is_empty()) {
            self.set("port", &ports.join(","))?;
        }
        if let Some(database) = database.filter(|it| !it.is_empty()) {
            self.set("dbname", &decoded(database)?)?;
        }
        for pair in query.unwrap_or_default().split('&').filter(|it| !it.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(Malformed::NotPairs)?;
            self.set(&decoded(key)?, &decoded(value)?)?;
        }
        Ok(())
    }

    /// `keyword = value keyword = 'it\'s'`
    fn read_pairs(&mut self, text: &str) -> Result<(), Malformed> {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').ok_or(Malformed::NotPairs)?;
            let (value, after) = value(after.trim_start())?;
            self.set(key.trim_end(), &value)?;
            rest = after.trim_start();
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Malformed> {
        if !KEYWORDS.contains(&key) {
            return Err(Malformed::Keyword);
        }
        let several = || value.split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>();
        match key {
            "host" | "hostaddr" => {
                let all = several();
                let plain = |c: char| c.is_alphanumeric() || "-._:%[]/~\\ ".contains(c);
                if !all.iter().all(|it| it.chars().all(plain)) {
                    return Err(Malformed::Host);
                }
                if key == "host" { self.hosts = all } else { self.addresses = all }
            }
            "port" => {
                let port = |it: &String| if it.is_empty() { Ok(PORT) } else { it.parse().map_err(|_| Malformed::Port) };
                self.ports = several().iter().map(port).collect::<Result<_, _>>()?;
            }
            "dbname" => self.database = Some(value.to_owned()),
            "user" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Secret::new(value)),
            "service" => self.has_service = true,
            _ => {}
        }
        Ok(())
    }
}

fn host_and_port(part: &str) -> Result<(&str, &str), Malformed> {
    let Some(rest) = part.strip_prefix('[') else {
        return Ok(part.split_once(':').unwrap_or((part, "")));
    };
    let (host, after) = rest.split_once(']').ok_or(Malformed::Address)?;
    match after {
        "" => Ok((host, "")),
        after => after.strip_prefix(':').map(|port| (host, port)).ok_or(Malformed::Address),
    }
}

/// A value of the list form, and what is behind it.
fn value(text: &str) -> Result<(String, &str), Malformed> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            it if !quoted && it.is_ascii_whitespace() => return Ok((value, &text[at..])),
            it => value.push(it),
        }
    }
    if quoted { Err(Malformed::Quote) } else { Ok((value, "")) }
}

fn decoded(text: &str) -> Result<String, Malformed> {
    let escapes = text.split('%').skip(1);
    if escapes.into_iter().any(|it| it.len() < 2 || !it.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit)) {
        return Err(Malformed::Escape);
    }
    percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| Malformed::Escape)
}

/// A host in one form. The pooler and the direct host of an endpoint are one server, and so are all names of this machine.
fn normal(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback());
    if is_loopback || host.starts_with('/') || host.ends_with(".localhost") {
        return "localhost".to_owned();
    }
    match host.split_once('.') {
        Some((label, domain)) => format!("{}.{domain}", label.strip_suffix("-pooler").unwrap_or(label)),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnInfo, Malformed> {
        ConnInfo::parse(&Secret::new(text))
    }

    #[test]
    fn both_forms_say_the_same() {
        for text in [
            "postgresql://me:p%40ss%2Fw%3Ard@ep-a.eu.neon.tech:5433/shop?sslmode=require&channel_binding=require",
            "host=ep-a.eu.neon.tech port=5433 dbname=shop user=me password='p@ss/w:rd' sslmode=require",
            "  host = ep-a.eu.neon.tech\n port=5433 user=me dbname = shop password=p@ss/w\\:rd ",
            "postgres://ep-a.eu.neon.tech:5433/shop?user=me&password=p@ss/w:rd",
        ] {
            let found = read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
            assert_eq!((found.database(), found.user.as_deref()), (Some("shop"), Some("me")), "{text}");
            assert_eq!(found.password.as_ref().map(Secret::expose), Some("p@ss/w:rd"), "{text}");
            assert!(found.leads_to("EP-A.eu.neon.tech.", 5433) && !found.leads_to("ep-a.eu.neon.tech", 5432), "{text}");
            assert!(!found.leads_to("ep-b.eu.neon.tech", 5433), "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_what_libpq_takes() {
        let found = read("host=a.example user=me").unwrap();
        assert!(found.leads_to("a.example", 5432) && found.password.is_none());
        assert_eq!(found.database(), Some("me"));
        let several = read("postgresql://u:p@a.example,b.example:7/d").unwrap();
        assert!(several.leads_to("a.example", 5432) && several.leads_to("b.example", 7));
        assert!(!several.leads_to("b.example", 5432));
        assert!(read("host=a.example,b.example port=7").unwrap().leads_to("b.example", 7));
        assert!(read("postgresql://u@[::1]:7/d").unwrap().leads_to("::1", 7));
        assert!(read("service=s").is_ok());
    }

    #[test]
    fn names_of_one_server_are_one() {
        for (text, host) in [
            ("host=127.0.0.1 port=5432", "localhost"),
            ("host=::1", "127.0.0.1"),
            ("host=elsewhere.example hostaddr=127.0.0.1", "localhost"),
            ("host=/tmp", "localhost"),
            ("host=ep-a-pooler.eu.neon.tech", "ep-a.eu.neon.tech"),
        ] {
            assert!(read(text).unwrap().leads_to(host, 5432), "{text}");
        }
        assert!(read("host=ep-a-pooler.eu.neon.tech").unwrap().is_pooled());
        assert!(!read("host=ep-a.eu-pooler.neon.tech").unwrap().is_pooled());
    }

    #[test]
    fn a_malformed_string_is_refused_without_a_word_of_it() {
        for (text, wrong) in [
            ("", Malformed::Empty),
            ("hunter2", Malformed::NotPairs),
            ("host=a password=hunter 2=3", Malformed::Keyword),
            ("host=a password=hunter 2", Malformed::NotPairs),
            ("host=a password='hunter2", Malformed::Quote),
            ("host=a pasword=hunter2", Malformed::Keyword),
            ("postgresql://me:hun@ter2@a/d", Malformed::Host),
            ("postgresql://me:hun%ter2@a/d", Malformed::Escape),
            ("postgresql://me:hunter2@a:port/d", Malformed::Port),
            ("postgresql://me:hunter2@[::1/d", Malformed::Address),
            ("postgresql://me:hunter2@/d", Malformed::NoHost),
            ("user=me password=hunter2", Malformed::NoHost),
        ] {
            let found = read(text).expect_err(text);
            assert_eq!(found, wrong, "{text}");
            assert!(!found.to_string().contains("hun") && !found.to_string().contains("ter2"), "{found}");
        }
    }
}
