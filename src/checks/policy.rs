//! What the provider block says about checks.

use std::collections::BTreeSet;

use tfplugin::{Diagnostic, Diagnostics, Severity};

use super::check::Check;

/// `plan_checks` of the provider block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
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
    pub(crate) const WORDS: [&'static str; 3] = ["error", "warn", "off"];

    /// The mode that a word names.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
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
pub(crate) struct Policy {
    mode: Mode,
    skipped: BTreeSet<String>,
}

impl Policy {
    /// A policy; ids that no check has are refused by `checks::known_id` before.
    pub(crate) fn new(mode: Mode, skipped: BTreeSet<String>) -> Self {
        Self { mode, skipped }
    }

    /// Whether any check may speak: if not, nothing need be asked.
    pub(crate) fn is_off(&self) -> bool {
        self.mode == Mode::Off
    }

    /// Whether this check may speak: if not, its facts need not be loaded.
    pub(crate) fn asks(&self, check: &Check) -> bool {
        self.mode != Mode::Off && !self.skipped.contains(check.id)
    }

    /// What a check found, as the policy lets it be said.
    pub(crate) fn admit(&self, check: &Check, found: impl IntoIterator<Item = Diagnostic>) -> Diagnostics {
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

#[cfg(test)]
mod tests {
    use tfplugin::AttributePath;

    use super::super::check::Level;
    use super::*;

    #[test]
    fn the_policy_softens_and_skips() {
        let check = &Check { id: "rule", level: Level::Error, rule: "A rule." };
        let found = || [check.error("s", "d", AttributePath::root())];
        let severity = |policy: &Policy| policy.admit(check, found()).iter().next().map(|it| it.severity);
        assert_eq!(severity(&Policy::default()), Some(Severity::Error));
        assert_eq!(severity(&Policy::new(Mode::Warn, BTreeSet::new())), Some(Severity::Warning));
        assert_eq!(severity(&Policy::new(Mode::Off, BTreeSet::new())), None);
        assert_eq!(severity(&Policy::new(Mode::Error, [check.id.to_owned()].into())), None);
    }
}
