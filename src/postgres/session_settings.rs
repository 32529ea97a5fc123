//! Settings that every session starts with, whatever `ALTER ROLE … SET` and `ALTER DATABASE … SET` say.
//!
//! The list holds each setting of `pg_settings` (14 to 18) that a role may set itself and that can end, delay or forbid a statement of
//! ours, or change the text that a read returns. What is not in it either does no harm or is the user's own choice, such as
//! `synchronous_commit`, `default_tablespace` or `session_replication_role`.

use super::version::ServerVersion;

/// A setting and why it must not be inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name in `pg_settings`.
    pub(crate) name: &'static str,
    /// The value, as `SET name = '…'` takes it.
    pub(crate) value: &'static str,
    /// The first major version that has it.
    pub(crate) since: u32,
    /// What another value would do.
    pub(crate) why: &'static str,
}

const fn always(name: &'static str, value: &'static str, why: &'static str) -> Setting {
    Setting { name, value, since: 14, why }
}

/// Set before anything else, in a message of its own: a limit of a few milliseconds would cancel a longer one.
pub(crate) const STATEMENT_TIMEOUT: Setting =
    always("statement_timeout", "10min", "ends every statement that runs longer; transactions set their own limit");

pub(crate) const SETTINGS: &[Setting] = &[
    always("search_path", "", "an object of the same name could shadow one of the catalogue; names are read qualified"),
    always("lock_timeout", "0", "ends a statement that waits for a lock; transactions set their own limit"),
    always("idle_in_transaction_session_timeout", "5min", "ends the session between two statements of a transaction"),
    always("idle_session_timeout", "0", "ends a session that waits in the pool"),
    Setting {
        name: "transaction_timeout",
        value: "0",
        since: 17,
        why: "ends the session when a transaction lasts longer, also while it waits for a lock",
    },
    always("default_transaction_read_only", "off", "forbids every change"),
    always("default_transaction_isolation", "read committed", "single statements would fail to serialize"),
    always("default_transaction_deferrable", "off", "a serializable read would wait for other transactions"),
    always("exit_on_error", "off", "any error, such as a name that is taken, would end the session"),
    always("role", "none", "the session would have the privileges of a role that the configuration does not name"),
    always("row_security", "on", "off forbids reads of tables with row security instead of filtering them"),
    always("jit", "off", "compiling a large catalogue query takes longer than running it"),
    always("standard_conforming_strings", "on", "a backslash would end the quotes of a row filter early"),
    always("backslash_quote", "safe_encoding", "forbids or allows other spellings of a quote"),
    always("transform_null_equals", "off", "changes the meaning of `= NULL` in a row filter"),
    always("quote_all_identifiers", "off", "row filters would be read back in another spelling"),
    always("datestyle", "ISO, MDY", "dates in row filters would be read back, and understood, in another order"),
    always("intervalstyle", "postgres", "intervals in row filters would be read back in another spelling"),
    always("timezone", "UTC", "timestamps would be read back in another zone"),
    always("extra_float_digits", "1", "numbers in row filters would be read back rounded"),
    always("bytea_output", "hex", "bytes in row filters would be read back in another spelling"),
    always("xmlbinary", "base64", "bytes in expressions would be read back in another spelling"),
    always("client_min_messages", "notice", "hides the warning that a GRANT did nothing (SQLSTATE 01007)"),
    always("password_encryption", "scram-sha-256", "a password set by SQL would be stored as MD5, which is refused"),
];

/// The settings as one message to the server.
pub(super) fn statements(version: ServerVersion) -> String {
    let of_version = SETTINGS.iter().filter(|it| version.major() >= it.since);
    of_version.map(Setting::statement).collect::<Vec<_>>().join("; ")
}

impl Setting {
    pub(super) fn statement(&self) -> String {
        // Names and values are constants of this file, without a quote.
        format!("SET {} = '{}'", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_version_has_is_set() {
        let old = statements(ServerVersion::from_num(160_000));
        assert!(old.starts_with("SET search_path = ''; SET lock_timeout = '0'"), "{old}");
        assert!(!old.contains("transaction_timeout"), "{old}");
        assert!(statements(ServerVersion::from_num(170_000)).contains("SET transaction_timeout = '0'"));
    }

    #[test]
    fn nothing_needs_quoting_and_each_has_a_reason() {
        for setting in SETTINGS.iter().chain([&STATEMENT_TIMEOUT]) {
            assert!(!setting.value.contains(['\'', '\\']) && !setting.why.is_empty(), "{setting:?}");
            assert!(setting.name.chars().all(|it| it.is_ascii_lowercase() || it == '_'), "{setting:?}");
        }
    }
}
