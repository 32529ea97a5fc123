//! What one run of the CLI came to: its status, its text, and its messages as data where it ran with `-json`.

use std::fmt::Write;
use std::process::Output;

use serde_json::Value;

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) arguments: String,
    /// -1 when a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A message of the CLI or the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) severity: String,
    pub(crate) summary: String,
    pub(crate) detail: String,
    /// The resource, where it belongs to one.
    pub(crate) address: String,
    /// The line of the configuration that it points at: shows the argument.
    pub(crate) code: String,
}

impl Message {
    /// Summary and detail.
    pub(crate) fn text(&self) -> String {
        format!("{}\n{}", self.summary, self.detail)
    }

    /// Whether it points at this argument.
    pub(crate) fn is_on(&self, argument: &str) -> bool {
        self.code.trim_start().starts_with(argument)
    }
}

impl Outcome {
    pub(crate) fn new(arguments: &[&str], output: &Output) -> Self {
        Self {
            arguments: arguments.join(" "),
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// All that it printed.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Whether it printed this, however the CLI has wrapped its lines.
    pub(crate) fn says(&self, part: &str) -> bool {
        let words = self.all().replace('│', " ");
        words.split_whitespace().collect::<Vec<_>>().join(" ").contains(part)
    }

    /// Itself, or a panic with what it said. Status 2 is a plan with changes.
    pub(crate) fn expect_success(self) -> Self {
        assert!(matches!(self.status, 0 | 2), "`{}` failed ({}):\n{}", self.arguments, self.status, self.messages());
        self
    }

    /// Itself, or a panic with what it said.
    pub(crate) fn expect_failure(self) -> Self {
        assert!(self.status == 1, "`{}` should fail, status {}:\n{}", self.arguments, self.status, self.messages());
        self
    }

    /// Its output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.stdout))
    }

    /// The lines of `-json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn diagnostics(&self, severity: &str) -> Vec<Message> {
        let events = self.events();
        let found = events.iter().filter(|it| it["type"] == "diagnostic" && it["diagnostic"]["severity"] == severity);
        found.map(|it| message(&it["diagnostic"])).collect()
    }

    /// Errors, in the order they came.
    pub(crate) fn errors(&self) -> Vec<Message> {
        self.diagnostics("error")
    }

    /// Warnings, without the CLI's own on development overrides.
    pub(crate) fn warnings(&self) -> Vec<Message> {
        let mut found = self.diagnostics("warning");
        found.retain(|it| !it.summary.contains("development overrides"));
        found
    }

    /// The only error.
    pub(crate) fn error(&self) -> Message {
        let errors = self.errors();
        assert!(errors.len() == 1, "one error expected:\n{}", self.messages());
        errors.into_iter().next().expect("one")
    }

    /// Whether some error says this.
    pub(crate) fn says_error(&self, part: &str) -> bool {
        self.errors().iter().any(|it| it.text().contains(part))
    }

    /// Whether some warning says this.
    pub(crate) fn warns(&self, part: &str) -> bool {
        self.warnings().iter().any(|it| it.text().contains(part))
    }

    /// Panics unless some error says this.
    pub(crate) fn insist_error(&self, part: &str) {
        assert!(self.says_error(part), "no error says `{part}`:\n{}", self.messages());
    }

    /// Panics unless some warning says this.
    pub(crate) fn insist_warning(&self, part: &str) {
        assert!(self.warns(part), "no warning says `{part}`:\n{}", self.messages());
    }

    /// `address action`, sorted, for all that a plan would do (no-op and read left out).
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .events()
            .iter()
            .filter(|it| it["type"] == "planned_change")
            .map(|it| {
                let change = &it["change"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                format!("{} {}", text(&change["resource"]["addr"]), text(&change["action"]))
            })
            .filter(|it| !it.ends_with(" read") && !it.ends_with(" noop"))
            .collect();
        found.sort();
        found
    }

    /// Whether the plan had nothing to do.
    pub(crate) fn is_empty_plan(&self) -> bool {
        self.status == 0
    }

    /// Position of the event with which work on this address began or ended (`apply_start`, `apply_complete`).
    pub(crate) fn position(&self, kind: &str, address: &str) -> Option<usize> {
        self.events().iter().position(|it| it["type"] == kind && it["hook"]["resource"]["addr"] == address)
    }

    /// All messages for people; the whole text where it did not run with `-json`.
    pub(crate) fn messages(&self) -> String {
        if self.events().is_empty() {
            return self.all();
        }
        let mut text = String::new();
        for it in self.errors().into_iter().chain(self.warnings()) {
            let (code, address) = (it.code.trim(), &it.address);
            let _ = writeln!(text, "{}: {} [{address}: {code}]\n{}\n", it.severity, it.summary, it.detail);
        }
        for change in self.changes() {
            let _ = writeln!(text, "planned: {change}");
        }
        text.push_str(&self.stderr);
        text
    }
}

fn message(it: &Value) -> Message {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Message {
        severity: text(&it["severity"]),
        summary: text(&it["summary"]),
        detail: text(&it["detail"]),
        address: text(&it["address"]),
        code: text(&it["snippet"]["code"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn messages_of_json_lines_are_told_apart() {
        let stdout = concat!(
            "Warning: not JSON\n",
            r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"S","detail":"D","address":"a.b","snippet":{"code":"  name = 1"}}}"#,
            "\n",
            r#"{"type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"create"}}"#,
            "\n",
            r#"{"type":"planned_change","change":{"resource":{"addr":"data.c"},"action":"read"}}"#,
            "\n"
        );
        let output =
            Output { status: std::process::ExitStatus::from_raw(0), stdout: stdout.into(), stderr: Vec::new() };
        let outcome = Outcome::new(&["plan"], &output);
        let error = outcome.error();
        assert_eq!((error.text().as_str(), error.address.as_str()), ("S\nD", "a.b"));
        assert!(error.is_on("name") && !error.is_on("ame"));
        assert_eq!(outcome.changes(), ["a.b create"]);
        assert!(outcome.warnings().is_empty());
    }
}
