//! Ids of Neon's objects, a type each. They are checked once, so that an empty or odd one never reaches a URL.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest id that Neon's API document allows, in characters.
const LONGEST_ID: usize = 60;

/// The longest name of a role or database: Postgres's `NAMEDATALEN` less one, in bytes.
const LONGEST_NAME: usize = 63;

/// Why a text is not an id or a name; the sentence names the kind, the text and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The API answers a path with nothing between two slashes with a redirect (npm `@neon/sdk` 6.1.2, README).
    #[error("{kind} is empty")]
    Empty {
        /// What was meant, such as `project id`.
        kind: &'static str,
    },
    /// Longer than the API or Postgres allows.
    #[error("{kind} `{text}` is longer than {longest}")]
    TooLong {
        /// What was meant.
        kind: &'static str,
        text: String,
        /// The limit with its unit.
        longest: &'static str,
    },
    /// A character other than `a-z`, `0-9` and `-`.
    #[error("{kind} `{text}` holds `{found}`, and only lower-case letters, digits and hyphens are allowed")]
    Character {
        /// What was meant.
        kind: &'static str,
        text: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// No URL can carry it: `.` and `..` are path steps even when escaped, and a zero byte ends a Postgres name.
    #[error("{kind} `{text}` cannot be sent to Neon's API")]
    Unsendable {
        /// What was meant.
        kind: &'static str,
        text: String,
    },
}

fn check_id(kind: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { kind });
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(InvalidId::Character { kind, text: text.to_owned(), found });
    }
    if text.len() > LONGEST_ID {
        return Err(InvalidId::TooLong { kind, text: text.to_owned(), longest: "60 characters" });
    }
    Ok(())
}

/// Whether the name of a role or database can be a segment of a path: any name of Postgres except `.` and `..`.
pub(crate) fn check_name(kind: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { kind });
    }
    if text.len() > LONGEST_NAME {
        return Err(InvalidId::TooLong { kind, text: text.to_owned(), longest: "63 bytes" });
    }
    if text == "." || text == ".." || text.contains('\0') {
        return Err(InvalidId::Unsendable { kind, text: text.to_owned() });
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Matches `^[a-z0-9-]{1,60}$` (Neon's API document).
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text; the error says in a sentence what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check_id($kind, text)?;
                Ok(Self(text.to_owned()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                check_id($kind, &text)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A project, such as `shiny-wind-028834`.
    ProjectId,
    "project id"
);
id!(
    /// A branch, such as `br-aged-salad-637688`.
    BranchId,
    "branch id"
);
id!(
    /// An endpoint (compute), such as `ep-little-smoke-851426`.
    EndpointId,
    "endpoint id"
);
id!(
    /// An operation: a UUID.
    OperationId,
    "operation id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lower_case_letters_digits_and_hyphens() {
        for good in ["a", "shiny-wind-028834", "br-1", &"a".repeat(60)] {
            assert_eq!(ProjectId::parse(good).map(String::from), Ok(good.to_owned()));
        }
        let wrong = |text: &str| ProjectId::parse(text).expect_err(text).to_string();
        assert_eq!(wrong(""), "project id is empty");
        assert_eq!(
            wrong("a/b"),
            "project id `a/b` holds `/`, and only lower-case letters, digits and hyphens are allowed"
        );
        assert!(wrong("Shiny").contains("holds `S`"));
        assert!(wrong("..").contains("holds `.`"));
        assert!(wrong("ä").contains("holds `ä`"));
        assert!(wrong(&"a".repeat(61)).ends_with("is longer than 60 characters"));
    }

    #[test]
    fn an_id_of_an_answer_is_checked_too() {
        assert_eq!(serde_json::from_str::<BranchId>("\"br-1\"").map(|id| id.to_string()).ok(), Some("br-1".to_owned()));
        let error = serde_json::from_str::<BranchId>("\"\"").expect_err("empty");
        assert!(error.to_string().contains("branch id is empty"), "{error}");
    }

    #[test]
    fn a_name_is_anything_but_a_path_step() {
        for good in ["a", "a b/c%d", "ä\"';", "...", &"x".repeat(63)] {
            assert_eq!(check_name("role", good), Ok(()));
        }
        for bad in ["", ".", "..", "a\0", &"x".repeat(64)] {
            assert!(check_name("role", bad).is_err(), "{bad:?}");
        }
    }
}
