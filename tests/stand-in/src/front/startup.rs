//! The first messages of a connection (protocol 3.0): what a client asks for before it has proved who it is.
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use anyhow::{Context, Result, ensure};

/// Code of a request for TLS.
pub(crate) const SSL_REQUEST: u32 = 80_877_103;
/// Code of a request for GSSAPI encryption.
pub(crate) const GSS_REQUEST: u32 = 80_877_104;
/// Code of a request to cancel another connection's statement.
pub(crate) const CANCEL_REQUEST: u32 = 80_877_102;

/// Start-up parameters that Neon's proxy passes on; it drops the others.
const PASSED_ON: [&str; 5] = ["user", "database", "application_name", "replication", "options"];

/// A start-up message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Startup {
    version: u32,
    parameters: Vec<(String, String)>,
}

impl Startup {
    /// Reads what follows the length: the version, then names and values that end with zero bytes.
    pub(crate) fn parse(version: u32, rest: &[u8]) -> Result<Self> {
        let mut texts = rest.split(|&byte| byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        let mut parameters = Vec::new();
        while let Some(name) = texts.next().filter(|name| !name.is_empty()) {
            parameters.push((name, texts.next().context("a start-up parameter without a value")?));
        }
        ensure!(!parameters.is_empty(), "no start-up parameters");
        Ok(Self { version, parameters })
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The endpoint that `options` names (`endpoint=…`, or the older `project=…`).
    pub(crate) fn endpoint(&self) -> Option<String> {
        let words = words(self.get("options")?);
        words
            .iter()
            .find_map(|word| word.strip_prefix("endpoint=").or(word.strip_prefix("project=")))
            .map(str::to_owned)
    }

    /// Whether `options` ask for a moment of the past (`neon_timestamp:…`, `neon_lsn:…`).
    pub(crate) fn is_of_the_past(&self) -> bool {
        let options = self.get("options").map(words).unwrap_or_default();
        options.iter().any(|word| ["neon_timestamp", "neon_lsn"].iter().any(|option| word.starts_with(option)))
    }

    /// Whether a walsender is asked for.
    pub(crate) fn replication(&self) -> bool {
        self.get("replication").is_some_and(|value| !matches!(value, "false" | "off" | "no" | "0"))
    }

    /// The message for the server: without what is the proxy's alone, and without what the proxy drops.
    pub(crate) fn passed_on(&self) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        let mut push = |name: &str, value: &str| {
            for text in [name, value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        };
        for (name, value) in &self.parameters {
            if name == "options" {
                let kept: Vec<_> = words(value).into_iter().filter(|word| !is_the_proxys(word)).collect();
                if !kept.is_empty() {
                    push(name, &kept.iter().map(|word| escaped(word)).collect::<Vec<_>>().join(" "));
                }
            } else if PASSED_ON.contains(&name.as_str()) {
                push(name, value);
            }
        }
        push("client_encoding", "UTF8");
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        [&length.to_be_bytes(), body.as_slice()].concat()
    }
}

fn is_the_proxys(word: &str) -> bool {
    ["endpoint=", "project=", "neon_"].iter().any(|prefix| word.starts_with(prefix))
}

/// The words of `options`; a backslash takes the next character as it is.
fn words(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.extend(word.take());
        } else {
            let taken = if character == '\\' { characters.next().unwrap_or('\\') } else { character };
            word.get_or_insert_default().push(taken);
        }
    }
    words.extend(word);
    words
}

fn escaped(word: &str) -> String {
    let special = |character: char| character.is_ascii_whitespace() || character == '\\';
    word.chars().flat_map(|character| special(character).then_some('\\').into_iter().chain([character])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup(parameters: &[(&str, &str)]) -> Startup {
        let mut rest = Vec::new();
        for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
            rest.extend_from_slice(text.as_bytes());
            rest.push(0);
        }
        rest.push(0);
        Startup::parse(196_608, &rest).expect("a start-up message")
    }

    #[test]
    fn the_endpoint_option_is_the_proxys_and_the_rest_the_servers() {
        let sent = startup(&[
            ("user", "me"),
            ("options", r"endpoint=ep-x -c search_path=a\ b"),
            ("client_encoding", "LATIN1"),
            ("extra_float_digits", "2"),
            ("replication", "database"),
        ]);
        assert_eq!(sent.endpoint().as_deref(), Some("ep-x"));
        assert!(sent.replication());
        let passed = sent.passed_on();
        let length = u32::from_be_bytes([passed[0], passed[1], passed[2], passed[3]]);
        assert_eq!(length as usize, passed.len());
        let again = Startup::parse(196_608, &passed[8..]).expect("again");
        assert_eq!(
            again,
            startup(&[
                ("user", "me"),
                ("options", r"-c search_path=a\ b"),
                ("replication", "database"),
                ("client_encoding", "UTF8"),
            ])
        );
    }

    #[test]
    fn options_that_name_only_an_endpoint_vanish() {
        let passed = startup(&[("user", "me"), ("options", "project=ep-y")]).passed_on();
        assert!(!String::from_utf8_lossy(&passed).contains("options"));
        assert!(!startup(&[("user", "me"), ("replication", "false")]).replication());
    }

    #[test]
    fn a_moment_of_the_past_is_told_from_the_present() {
        let past = |options: &str| startup(&[("user", "me"), ("options", options)]).is_of_the_past();
        assert!(past("endpoint=ep-y neon_timestamp:2024-01-01T00:00:00Z") && past("neon_lsn:0/1E88838"));
        assert!(!past("project=ep-y -c search_path=neon_lsn") && !startup(&[("user", "me")]).is_of_the_past());
    }

    #[test]
    fn a_message_without_parameters_is_none() {
        assert!(Startup::parse(196_608, b"\0").is_err());
        assert!(Startup::parse(196_608, b"user").is_err());
    }
}
