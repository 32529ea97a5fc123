//! Plan-time checks: one rule per file, a pure function over observed facts.
//!
//! A check refuses what this run would cause; what has already happened outside, or what another resource of the run
//! may still cure, is a warning. Each has an id for `skip_checks`; the guide page is rendered from [`ALL`].

pub mod all_tables_without_key;
pub mod branch_protected;
pub mod logical_replication_is_one_way;
pub mod logical_replication_on;
pub mod mode_serves_publications;
pub mod partitioned_without_root;
pub mod password_cannot_be_known;
pub mod publication_exists;
pub mod publication_replaced_behind_slot;
pub mod readiness;
pub mod slots_nearly_used_up;
pub mod tables_exist;
pub mod tables_grantable;
pub mod tables_have_identity;
pub mod tables_owned;
pub mod tables_publishable;

use std::collections::BTreeSet;

use crate::framework::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::framework::path::AttributePath;

/// What a check does when its rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The plan fails.
    Error,
    /// The plan goes on.
    Warning,
    /// An error, or a warning where another resource of the run may cure it.
    ErrorOrWarning,
}

/// One rule: its id, how it speaks, and what it is about in one sentence.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name of its file, and what `skip_checks` takes.
    pub id: &'static str,
    /// How it speaks.
    pub level: Level,
    /// The rule as a sentence for the guide.
    pub rule: &'static str,
}

impl Check {
    /// The error that this check makes: `detail` says what was found and what to do about it; the ways past are added.
    pub fn error(&self, summary: impl Into<String>, detail: impl AsRef<str>, path: AttributePath) -> Diagnostic {
        let detail = format!(
            "{}\n\nThis is check `{id}`. The way past it: `skip_checks = [\"{id}\"]` in the provider block; for a destroy, \
             `terraform destroy -refresh=false`.",
            detail.as_ref(),
            id = self.id
        );
        Diagnostic::error(summary, detail).at(path)
    }

    /// The warning that this check makes.
    pub fn warning(&self, summary: impl Into<String>, detail: impl AsRef<str>, path: AttributePath) -> Diagnostic {
        Diagnostic::warning(summary, format!("{}\n\nThis is check `{}`.", detail.as_ref(), self.id)).at(path)
    }
}

/// All checks, in the order of the guide.
pub const ALL: &[Check] = &[
    logical_replication_is_one_way::CHECK,
    password_cannot_be_known::CHECK,
    branch_protected::CHECK,
    publication_exists::CHECK,
    publication_replaced_behind_slot::CHECK,
    tables_have_identity::CHECK,
    tables_exist::CHECK,
    tables_publishable::CHECK,
    tables_owned::CHECK,
    tables_grantable::CHECK,
    partitioned_without_root::CHECK,
    all_tables_without_key::CHECK,
    mode_serves_publications::CHECK,
    logical_replication_on::CHECK,
    slots_nearly_used_up::CHECK,
];

/// `plan_checks` of the provider block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Checks speak as they are written.
    #[default]
    Error,
    /// Errors become warnings.
    Warn,
    /// Nothing is looked at.
    Off,
}

impl Mode {
    /// The words of the argument, and their meaning.
    pub const WORDS: [&'static str; 3] = ["error", "warn", "off"];

    /// The mode that a word names.
    pub fn parse(word: &str) -> Result<Self, String> {
        match word {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "off" => Ok(Self::Off),
            other => Err(format!("must be one of `error`, `warn` and `off`, not `{other}`")),
        }
    }
}

/// What the provider block says about checks. It governs checks on observed facts only: illegal names and
/// `deletion_protection` are no such checks.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    mode: Mode,
    skipped: BTreeSet<String>,
}

impl Policy {
    /// A policy; ids that no check has are refused by [`known_id`] before.
    pub fn new(mode: Mode, skipped: BTreeSet<String>) -> Self {
        Self { mode, skipped }
    }

    /// Whether any check may speak: if not, nothing need be asked.
    pub fn is_off(&self) -> bool {
        self.mode == Mode::Off
    }

    /// Whether this check may speak: if not, its facts need not be loaded.
    pub fn asks(&self, check: &Check) -> bool {
        self.mode != Mode::Off && !self.skipped.contains(check.id)
    }

    /// What a check found, as the policy lets it be said.
    pub fn judge(&self, check: &Check, found: impl IntoIterator<Item = Diagnostic>) -> Diagnostics {
        if !self.asks(check) {
            return Diagnostics::none();
        }
        found
            .into_iter()
            .map(|diagnostic| match self.mode {
                Mode::Warn => Diagnostic { severity: Severity::Warning, ..diagnostic },
                Mode::Error | Mode::Off => diagnostic,
            })
            .collect()
    }
}

/// Whether a text is the id of a check, for `skip_checks`.
pub fn known_id(id: &str) -> Result<(), String> {
    if ALL.iter().any(|check| check.id == id) {
        return Ok(());
    }
    let ids: Vec<&str> = ALL.iter().map(|check| check.id).collect();
    Err(format!("`{id}` is not the id of a check. There are: {}", ids.join(", ")))
}

/// Facts as tests of the checks need them.
#[cfg(test)]
mod samples {
    use crate::postgres::replica_identity::Mode;
    use crate::postgres::table::{Kind, Table};
    use crate::postgres::{PublicationName, RoleName, TableName};

    /// An ordinary table of `public` with a primary key.
    pub(super) fn table(name: &str) -> Table {
        // Any number that a name does not share with another.
        let oid = 20_000 + name.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 9_000);
        Table {
            oid,
            name: TableName::parse("public", name).unwrap(),
            kind: Kind::Table,
            owner: RoleName::parse("owner").unwrap(),
            is_permanent: true,
            has_primary_key: true,
            identity: Mode::Default,
            identity_index_valid: false,
            partition_of: None,
            row_security: false,
            of_extension: false,
        }
    }

    /// A publication's name.
    pub(super) fn publication() -> PublicationName {
        PublicationName::parse("p").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids stand in users' `skip_checks`: they stay.
    #[test]
    fn ids_are_those_that_users_name() {
        let ids: Vec<&str> = ALL.iter().map(|it| it.id).collect();
        let expected = [
            "logical_replication_is_one_way",
            "password_cannot_be_known",
            "branch_protected",
            "publication_exists",
            "publication_replaced_behind_slot",
            "tables_have_identity",
            "tables_exist",
            "tables_publishable",
            "tables_owned",
            "tables_grantable",
            "partitioned_without_root",
            "all_tables_without_key",
            "mode_serves_publications",
            "logical_replication_on",
            "slots_nearly_used_up",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn the_policy_softens_and_skips() {
        let check = &publication_exists::CHECK;
        let found = || [check.error("s", "d", AttributePath::root())];
        let severity = |policy: &Policy| policy.judge(check, found()).iter().next().map(|it| it.severity);
        assert_eq!(severity(&Policy::default()), Some(Severity::Error));
        assert_eq!(severity(&Policy::new(Mode::Warn, BTreeSet::new())), Some(Severity::Warning));
        assert_eq!(severity(&Policy::new(Mode::Off, BTreeSet::new())), None);
        assert_eq!(severity(&Policy::new(Mode::Error, [check.id.to_owned()].into())), None);
        assert!(known_id("publication_exists").is_ok() && known_id("nonsense").is_err());
    }
}
