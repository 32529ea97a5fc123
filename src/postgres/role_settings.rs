//! Settings of a role for all databases: `ALTER ROLE … SET`, which Postgres keeps as `name=value` (manual, `pg_db_role_setting`).
//!
//! A role may have settings that others gave it. Only the declared ones are compared, written and reset.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::{LONGEST, RoleName};
use super::sql::{Fragment, Ident, List, Literal, Statement};
use crate::sql;

/// Name of a setting, such as `wal_sender_timeout` or `pgaudit.log`. Postgres compares it without regard to case, so that two
/// spellings are one name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SettingName(String);

/// Declared settings, each with the text of its value.
pub(crate) type Settings = BTreeMap<SettingName, String>;

/// Settings whose value is a list of names: each name is a literal of its own, because one literal would be one name. The list is
/// that of `variable_is_guc_list_quote` in `src/bin/pg_dump/dumputils.c`, up to version 18.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Of these, the lists of identifiers: without quotes they are lower case, as everywhere in SQL.
const IDENTIFIERS: [&str; 2] = ["search_path", "temp_tablespaces"];

impl SettingName {
    /// Checks the text; the error is a sentence without its period.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let is_part = |part: &str| {
            part.len() <= LONGEST
                && part.starts_with(begins)
                && part.chars().all(|c| begins(c) || c.is_ascii_digit() || c == '$')
        };
        if text.split('.').all(is_part) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not the name of a setting: each part, between dots, begins with a letter and has letters, digits, `_` and `$`"
        ))
    }

    fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    fn is_in(&self, names: &[&str]) -> bool {
        names.iter().any(|it| self.0.eq_ignore_ascii_case(it))
    }

    /// The names of a list, without their quotes; `None` for a text that is no list. An empty text is a list of one empty name, as in
    /// `SET search_path = ''`.
    fn elements(&self, value: &str) -> Option<Vec<String>> {
        let folds = self.is_in(&IDENTIFIERS);
        let mut rest = value.trim_start();
        let mut elements = Vec::new();
        if rest.is_empty() {
            return Some(vec![String::new()]);
        }
        loop {
            let mut element = String::new();
            if let Some(mut quoted) = rest.strip_prefix('"') {
                loop {
                    let (before, after) = quoted.split_once('"')?;
                    element.push_str(before);
                    let Some(more) = after.strip_prefix('"') else {
                        rest = after.trim_start();
                        break;
                    };
                    element.push('"');
                    quoted = more;
                }
            } else {
                let end = rest.find([',', '"']).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                let word = word.trim_end();
                if word.is_empty() || word.contains(char::is_whitespace) {
                    return None;
                }
                element = if folds { word.to_ascii_lowercase() } else { word.to_owned() };
                rest = after;
            }
            elements.push(element);
            match rest.strip_prefix(',') {
                Some(more) => rest = more.trim_start(),
                None => return rest.is_empty().then_some(elements),
            }
        }
    }

    /// Refuses a value that Postgres could not store or would understand as something else; the error is a sentence.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        if value.contains('\0') {
            return Err(format!("value of `{self}` must not contain a zero byte"));
        }
        if self.is_in(&LISTS) && self.elements(value).is_none() {
            return Err(format!("`{value}` is not a list of names for `{self}`, such as `\"$user\", public`"));
        }
        Ok(())
    }

    /// Whether two texts are one value: lists are compared by their names.
    fn is_same(&self, wanted: &str, held: &str) -> bool {
        wanted == held || self.is_in(&LISTS) && self.elements(wanted).is_some_and(|it| Some(it) == self.elements(held))
    }
}

impl PartialEq for SettingName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for SettingName {}

impl PartialOrd for SettingName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SettingName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl fmt::Display for SettingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SettingName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<SettingName> for String {
    fn from(name: SettingName) -> Self {
        name.0
    }
}

impl Fragment for SettingName {
    fn write_sql(&self, out: &mut String) {
        for (at, part) in self.0.split('.').enumerate() {
            out.push_str(if at == 0 { "" } else { "." });
            Ident(part).write_sql(out);
        }
    }
}

/// The declared settings as the role has them: with the declared text where that is the same value, with the server's text where it
/// is another one, and without those that the role lacks.
pub(crate) fn seen(declared: &Settings, held: &Settings) -> Settings {
    let held = declared.iter().filter_map(|(name, wanted)| {
        let value = held.get(name)?;
        Some((name.clone(), if name.is_same(wanted, value) { wanted } else { value }.clone()))
    });
    held.collect()
}

/// Whether the role has each of these settings.
pub(crate) fn holds(held: &Settings, wanted: &Settings) -> bool {
    seen(wanted, held) == *wanted
}

/// Sets what differs, and resets what is no longer declared. `left` are the settings that were declared before.
pub(crate) fn alter(
    role: &RoleName,
    held: &Settings,
    wanted: &Settings,
    left: &BTreeSet<SettingName>,
) -> Vec<Statement> {
    let has = seen(wanted, held);
    let sets = wanted.iter().filter(|(name, value)| has.get(*name) != Some(*value)).map(|(name, value)| {
        let elements = if name.is_in(&LISTS) { name.elements(value) } else { None };
        let elements = elements.unwrap_or_else(|| vec![value.clone()]);
        let literals = List(elements.iter().map(|it| Literal(it)).collect());
        sql!("ALTER ROLE {} SET {} = {}", role, name, literals)
    });
    let leaves = left.iter().filter(|name| !wanted.contains_key(*name) && held.contains_key(*name));
    sets.chain(leaves.map(|name| sql!("ALTER ROLE {} RESET {}", role, name))).collect()
}

/// What `pg_roles.rolconfig` holds, from its texts `name=value`.
pub(super) fn from_texts(texts: &[String]) -> Settings {
    let split = texts.iter().filter_map(|text| text.split_once('='));
    split.filter_map(|(name, value)| Some((SettingName::parse(name).ok()?, value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(of: &[(&str, &str)]) -> Settings {
        of.iter().map(|(name, value)| (SettingName::parse(name).unwrap(), (*value).to_owned())).collect()
    }

    fn altered(held: &[(&str, &str)], wanted: &[(&str, &str)], left: &[&str]) -> Vec<String> {
        let left = left.iter().map(|it| SettingName::parse(it).unwrap()).collect();
        let role = RoleName::parse("r").unwrap();
        let statements = alter(&role, &settings(held), &settings(wanted), &left);
        statements.iter().map(|it| it.as_sql().to_owned()).collect()
    }

    #[test]
    fn names_have_parts_and_no_case() {
        for wrong in ["", ".", "a.", ".a", "1a", "a b", "a-b", "a\"b", "a=b", &"a".repeat(64)] {
            assert!(SettingName::parse(wrong).is_err(), "{wrong}");
        }
        for right in ["TimeZone", "pgaudit.log", "_x", "a$1", "größe"] {
            assert!(SettingName::parse(right).is_ok(), "{right}");
        }
        assert_eq!(settings(&[("TimeZone", "a"), ("timezone", "b")]).len(), 1);
    }

    #[test]
    fn only_what_differs_is_set_and_only_what_was_declared_is_reset() {
        let held = [("work_mem", "4MB"), ("TimeZone", "UTC"), ("of_others.x", "1")];
        assert!(altered(&held, &[("work_mem", "4MB"), ("timezone", "UTC")], &[]).is_empty());
        assert_eq!(
            altered(&held, &[("work_mem", "8MB"), ("a.b", "it's = \\ \n")], &["timezone", "not_held", "work_mem"]),
            [
                "ALTER ROLE \"r\" SET \"a\".\"b\" = E'it''s = \\\\ \n'",
                "ALTER ROLE \"r\" SET \"work_mem\" = '8MB'",
                "ALTER ROLE \"r\" RESET \"timezone\"",
            ]
        );
    }

    #[test]
    fn lists_are_written_as_lists_and_compared_by_their_names() {
        let wanted = [("search_path", "\"$user\" , Sales,\"Up, \"\"x\"\"\"")];
        assert_eq!(
            altered(&[], &wanted, &[]),
            ["ALTER ROLE \"r\" SET \"search_path\" = '$user', 'sales', 'Up, \"x\"'"]
        );
        let held = settings(&[("search_path", "\"$user\", sales, \"Up, \"\"x\"\"\"")]);
        assert_eq!(seen(&settings(&wanted), &held), settings(&wanted), "the declared text stays");
        let other = settings(&[("search_path", "\"$user\", \"Sales\"")]);
        assert_eq!(seen(&settings(&wanted), &other), other);
        assert_eq!(altered(&[], &[("search_path", "")], &[]), ["ALTER ROLE \"r\" SET \"search_path\" = ''"]);
        assert!(holds(&settings(&[("search_path", "\"\"")]), &settings(&[("search_path", "")])));
        // Libraries keep their case; other settings are one text.
        assert_eq!(
            altered(&[], &[("local_preload_libraries", "A, b"), ("datestyle", "ISO, DMY")], &[]),
            [
                "ALTER ROLE \"r\" SET \"datestyle\" = 'ISO, DMY'",
                "ALTER ROLE \"r\" SET \"local_preload_libraries\" = 'A', 'b'",
            ]
        );
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let check = |name: &str, value: &str| SettingName::parse(name).unwrap().check(value);
        for (name, value) in [
            ("a.b", "\0"),
            ("search_path", "a,,b"),
            ("search_path", "a,"),
            ("search_path", "\"a"),
            ("search_path", "a b"),
        ] {
            assert!(check(name, value).is_err(), "{name} {value}");
        }
        for (name, value) in [("a.b", "a,,b"), ("search_path", " a , \"b c\" "), ("search_path", ""), ("work_mem", "")]
        {
            assert_eq!(check(name, value), Ok(()), "{name} {value}");
        }
    }

    #[test]
    fn drift_is_the_servers_text_and_absence() {
        let declared = settings(&[("work_mem", "8MB"), ("timezone", "UTC"), ("datestyle", "ISO")]);
        let held = settings(&[("work_mem", "4MB"), ("TimeZone", "UTC"), ("of_others.x", "1")]);
        assert_eq!(seen(&declared, &held), settings(&[("work_mem", "4MB"), ("timezone", "UTC")]));
        assert!(!holds(&held, &declared));
        assert_eq!(from_texts(&["a.b=c=d".to_owned(), "e=".to_owned()]), settings(&[("a.b", "c=d"), ("e", "")]));
    }
}
