//! Consumers that stream from this database right now.

use std::collections::BTreeSet;
use std::fmt;

use super::connection::Connection;
use super::error::Result;
use super::names::{PublicationName, SlotName};

/// Which publications a consumer receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Publications(BTreeSet<PublicationName>),
    /// It does not stream by publications: another plugin, or nothing yet.
    Other,
    /// Its command cannot be read, for want of privileges or because it was cut off.
    Unreadable,
}

/// A consumer: a process of the server that sends changes to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walsender {
    pub(crate) pid: i32,
    /// The role that the consumer uses.
    pub(crate) user: String,
    /// What the consumer calls itself.
    pub(crate) application: String,
    pub(crate) slot: Option<SlotName>,
    /// What it receives.
    pub(crate) stream: Stream,
}

impl Walsender {
    /// Whether it receives, or may receive, that publication.
    pub(crate) fn may_stream(&self, publication: &PublicationName) -> bool {
        match &self.stream {
            Stream::Publications(names) => names.contains(publication),
            Stream::Other => false,
            Stream::Unreadable => true,
        }
    }
}

impl fmt::Display for Walsender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of role `{}`", self.pid, self.user)?;
        if !self.application.is_empty() {
            write!(f, ", application `{}`", self.application)?;
        }
        match &self.slot {
            Some(slot) => write!(f, ", slot `{slot}`"),
            None => Ok(()),
        }
    }
}

// `backend_type` and `query` are shown to members of the role and of pg_read_all_stats only, `active_pid` to everyone.
const READ: &str = "
SELECT a.pid, coalesce(a.usename::text, '') AS owner, coalesce(a.application_name, '') AS application, s.slot_name::text AS slot,
       s.plugin::text AS plugin, CASE WHEN a.backend_type IS NOT NULL THEN a.query END AS query
FROM pg_stat_activity a
     LEFT JOIN pg_replication_slots s ON s.active_pid = a.pid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
      AND (a.backend_type = 'walsender' OR (s.slot_type = 'logical' AND a.backend_type IS NULL))
ORDER BY a.pid";

/// Reads those of the connected database.
pub(crate) async fn read_all(connection: &Connection) -> Result<Vec<Walsender>> {
    let rows = connection.fetch(READ, &[]).await?;
    rows.iter()
        .map(|row| {
            let plugin: Option<&str> = row.get("plugin")?;
            let stream = match (plugin, row.get::<Option<&str>>("query")?) {
                (Some(plugin), _) if plugin != "pgoutput" => Stream::Other,
                (_, Some(query)) => stream(query),
                (_, None) => Stream::Unreadable,
            };
            Ok(Walsender {
                pid: row.get("pid")?,
                user: row.get("owner")?,
                application: row.get("application")?,
                slot: row.parse_optional("slot", SlotName::parse)?,
                stream,
            })
        })
        .collect()
}

/// Reads `publication_names '"a","b"'` out of a `START_REPLICATION` command: a string constant that holds identifiers.
fn stream(command: &str) -> Stream {
    if !command.trim_start().get(..17).is_some_and(|it| it.eq_ignore_ascii_case("START_REPLICATION")) {
        // It has connected and not begun, or copies a table.
        return Stream::Other;
    }
    let options = command.find('(').map_or("", |at| &command[at..]);
    let Some(option) = options.find("publication_names") else {
        // A long command is cut off after `track_activity_query_size`.
        return if options.trim_end().ends_with([')', ';']) { Stream::Other } else { Stream::Unreadable };
    };
    let rest = &options[option + "publication_names".len()..];
    match constant(rest.trim_start_matches(['"', ' '])).and_then(|list| identifiers(&list)) {
        Some(names) => Stream::Publications(names),
        None => Stream::Unreadable,
    }
}

/// A quoted constant at the start of the text.
fn constant(text: &str) -> Option<String> {
    quoted(text, '\'').map(|(inside, _)| inside)
}

/// What stands between two quotes, doubled ones made single, and what follows.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix(quote)?;
    let mut inside = String::new();
    loop {
        let end = rest.find(quote)?;
        inside.push_str(&rest[..end]);
        rest = &rest[end + quote.len_utf8()..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                inside.push(quote);
                rest = after;
            }
            None => return Some((inside, rest)),
        }
    }
}

/// As `SplitIdentifierString`: quoted ones as they are, others in lower case.
fn identifiers(list: &str) -> Option<BTreeSet<PublicationName>> {
    let mut names = BTreeSet::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let (name, after) = match quoted(rest, '"') {
            Some((name, after)) => (name, after),
            None if rest.starts_with('"') => return None,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_lowercase(), &rest[end..])
            }
        };
        names.insert(PublicationName::try_from(name).ok()?);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, names: &[&str]) {
        let names = names.iter().map(|it| PublicationName::parse(it).unwrap()).collect();
        assert_eq!(stream(command), Stream::Publications(names), "{command}");
    }

    #[test]
    fn names_are_read_from_the_command() {
        check(r#"START_REPLICATION SLOT "s" LOGICAL 0/0 (proto_version '4', publication_names '"p"')"#, &["p"]);
        check(r#"START_REPLICATION SLOT "publication_names" LOGICAL 0/0 (publication_names '"p"')"#, &["p"]);
        check(
            r#"START_REPLICATION SLOT "s" LOGICAL 0/0 (publication_names '"a""b","it''s, x"', proto_version '1')"#,
            &["a\"b", "it's, x"],
        );
        check(
            r#"START_REPLICATION SLOT "s" LOGICAL 0/16B3748 ("proto_version" '1', "publication_names" 'Dbz, other')"#,
            &["dbz", "other"],
        );
    }

    #[test]
    fn what_cannot_be_read_may_stream_anything() {
        assert_eq!(
            stream(r#"START_REPLICATION SLOT "s" LOGICAL 0/0 (proto_version '4', publication_names '"p"#),
            Stream::Unreadable
        );
        assert_eq!(stream("START_REPLICATION SLOT \"s\" LOGICAL 0/0 (proto_ver"), Stream::Unreadable);
        assert_eq!(stream("SELECT 1"), Stream::Other);
        let unreadable = Walsender {
            pid: 1,
            user: String::new(),
            application: String::new(),
            slot: None,
            stream: Stream::Unreadable,
        };
        assert!(unreadable.may_stream(&PublicationName::parse("p").unwrap()));
    }
}
