//! One rule: its id, how it speaks, and the diagnostics that it makes.

use tfplugin::{AttributePath, Diagnostic};

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

/// What a message lists before it only counts.
const SHOWN: usize = 10;

/// Names for a sentence: the first ten, and how many more there are.
pub(crate) fn named(names: &[String]) -> String {
    counted(names, ", ", " and ")
}

/// The same as a list with one line each.
pub(crate) fn lines(lines: &[String]) -> String {
    counted(lines, "\n", "\n- and ")
}

fn counted(all: &[String], between: &str, before_count: &str) -> String {
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}{before_count}{more} more"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        let names = |count: usize| (0..count).map(|it| format!("`{it}`")).collect::<Vec<_>>();
        assert_eq!(named(&names(2)), "`0`, `1`");
        assert_eq!(named(&names(600)), "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9` and 590 more");
        assert!(lines(&names(600)).ends_with("`9`\n- and 590 more"));
    }
}
