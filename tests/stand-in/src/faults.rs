//! Faults on request: rules that match calls by method and path and say what goes wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the first operation of a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// As it should.
    #[default]
    Finished,
    /// Bypassed: counts as success, has no effect.
    Skipped,
    /// Fails and stays so; no effect.
    Failed,
    /// Fails, is tried again and finishes.
    FailedThenFinished,
    /// A terminal error; no effect.
    Error,
    /// Cancelled; no effect.
    Cancelled,
}

/// When the connection is cut, or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// Before the call has any effect.
    Before,
    /// After its effect, instead of the answer.
    After,
}

/// What goes wrong; the parts may be combined (a delay before a status, say).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Action {
    /// Wait first, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// Answer with this status instead of doing anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// `message` of that answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The whole JSON body of that answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
    /// The body as HTML, as a proxy on the way would send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) html: Option<String>,
    /// Further headers of that answer, such as `Retry-After`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// Have the effect, then answer `status` (500, say) nevertheless.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) after_effect: bool,
    /// Answer 404, as for a project or branch that is not there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) not_found: bool,
    /// Cut the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reset: Option<When>,
    /// How the first operation of this call ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Fate>,
    /// Wait, before the effect or instead of the answer, until the rule is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<When>,
}

impl Action {
    /// Status of the answer that is given instead, if one is.
    pub(crate) fn answer_status(&self) -> Option<u16> {
        match (self.not_found, self.status) {
            (true, _) => Some(404),
            (false, Some(status)) => Some(status),
            (false, None) if self.html.is_some() || self.body.is_some() => Some(500),
            (false, None) => None,
        }
    }
}

/// A rule as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Method, any case; absent: every method.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Path below `/api/v2` as the client wrote it; `*` is any part of one segment, `**` anything.
    pub(crate) path: String,
    /// How many matching calls pass before the rule begins.
    #[serde(default)]
    pub(crate) skip: u32,
    /// How often the rule applies: 1 when absent, always when null.
    #[serde(default = "once")]
    pub(crate) times: Option<u32>,
    /// For how long it applies after it has applied for the first time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_ms: Option<u64>,
    /// What goes wrong.
    pub(crate) action: Action,
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default needs the field's type")]
fn once() -> Option<u32> {
    Some(1)
}

/// A rule with its number and how often it applied.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Armed {
    /// Its number, from 1.
    pub(crate) id: u32,
    /// The rule; `skip` and `times` count down.
    #[serde(flatten)]
    pub(crate) rule: Rule,
    /// How often it applied.
    pub(crate) applied: u32,
    /// A call waits for it to be deleted.
    pub(crate) held: bool,
    /// When it applied for the first time.
    #[serde(skip)]
    begun: Option<Instant>,
}

/// All rules, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Armed>,
    last: u32,
}

impl Faults {
    /// Adds a rule and says its number.
    pub(crate) fn add(&mut self, rule: Rule) -> u32 {
        self.last += 1;
        self.rules.push(Armed { id: self.last, rule, applied: 0, held: false, begun: None });
        self.last
    }

    /// The rules, spent ones too.
    pub(crate) fn list(&self) -> &[Armed] {
        &self.rules
    }

    /// Removes one rule; false when there is none of that number.
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        let before = self.rules.len();
        self.rules.retain(|armed| armed.id != id);
        self.rules.len() < before
    }

    /// Removes all rules.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Notes that a call waits for that rule; false when the rule is gone.
    pub(crate) fn hold(&mut self, id: u32) -> bool {
        let found = self.rules.iter_mut().find(|armed| armed.id == id);
        found.map(|armed| armed.held = true).is_some()
    }

    /// What the oldest rule that applies says of this call, and its number; it counts as applied.
    pub(crate) fn apply(&mut self, method: &str, path: &str) -> Option<(u32, Action)> {
        for armed in &mut self.rules {
            let rule = &mut armed.rule;
            let method_matches = rule.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
            if !method_matches || rule.times == Some(0) || !matches(&rule.path, path) {
                continue;
            }
            let over = |begun: Instant, ms| begun.elapsed() >= Duration::from_millis(ms);
            if armed.begun.zip(rule.for_ms).is_some_and(|(begun, ms)| over(begun, ms)) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            armed.begun.get_or_insert_with(Instant::now);
            rule.times = rule.times.map(|left| left - 1);
            armed.applied += 1;
            return Some((armed.id, rule.action.clone()));
        }
        None
    }
}

/// Whether `path` is of the form `pattern`.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**") {
        return (0..=path.len())
            .filter(|&start| path.is_char_boundary(start))
            .any(|start| matches(rest, &path[start..]));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        let segment = path.find('/').unwrap_or(path.len());
        return (0..=segment).filter(|&start| path.is_char_boundary(start)).any(|start| matches(rest, &path[start..]));
    }
    let mut wanted = pattern.chars();
    let mut found = path.chars();
    match (wanted.next(), found.next()) {
        (None, None) => true,
        (Some(wanted_char), Some(found_char)) => wanted_char == found_char && matches(wanted.as_str(), found.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).expect("legal rule")
    }

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/projects/p", "/projects/p", true),
            ("/projects/p", "/projects/p/branches", false),
            ("/projects/*", "/projects/p", true),
            ("/projects/*", "/projects/p/branches", false),
            ("/projects/*/branches/*/roles", "/projects/p/branches/b/roles", true),
            ("/projects/*/branches/*/roles", "/projects/p/branches/b/roles/r", false),
            ("/projects/**", "/projects/p/branches/b", true),
            ("**/roles/*", "/projects/p/branches/b/roles/a%20b", true),
            ("**", "/auth", true),
            ("/projects/p*/x", "/projects/pq/x", true),
            ("", "/auth", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} against {path}");
        }
    }

    #[test]
    fn a_rule_skips_then_applies_then_is_spent() {
        let mut faults = Faults::default();
        faults.add(rule(json!({
            "method": "post", "path": "/x", "skip": 1, "times": 2, "action": {"status": 503}
        })));
        let seen: Vec<_> = (0..4).map(|_| faults.apply("POST", "/x").is_some()).collect();
        assert_eq!(seen, [false, true, true, false]);
        assert!(faults.apply("GET", "/x").is_none());
        assert_eq!(faults.list()[0].applied, 2);
    }

    #[test]
    fn times_is_one_when_absent_and_endless_when_null() {
        let once = rule(json!({"path": "/x", "action": {"not_found": true}}));
        assert_eq!(once.times, Some(1));
        assert_eq!(once.action.answer_status(), Some(404));
        let endless = rule(json!({"path": "/x", "times": null, "action": {"html": "<p>"}}));
        assert_eq!(endless.times, None);
        assert_eq!(endless.action.answer_status(), Some(500));
    }

    #[test]
    fn a_rule_with_a_time_ends_by_itself() {
        let mut faults = Faults::default();
        let action = json!({"status": 423});
        faults.add(rule(json!({"path": "/x", "times": null, "for_ms": 60_000, "action": action})));
        faults.add(rule(json!({"path": "/y", "times": null, "for_ms": 0, "action": action})));
        let seen = |faults: &mut Faults, path| [(); 3].map(|()| faults.apply("GET", path).is_some());
        assert_eq!(seen(&mut faults, "/x"), [true, true, true]);
        assert_eq!(seen(&mut faults, "/y"), [true, false, false], "the time begins with the first call");
    }

    #[test]
    fn a_call_waits_only_for_a_rule_that_is_there() {
        let mut faults = Faults::default();
        let id = faults.add(rule(json!({"path": "/x", "action": {"hold": "after"}})));
        assert_eq!(faults.apply("GET", "/x").map(|(id, action)| (id, action.hold)), Some((id, Some(When::After))));
        assert!(faults.hold(id) && faults.list()[0].held);
        assert!(faults.remove(id));
        assert!(!faults.hold(id));
    }

    #[test]
    fn a_misspelt_part_is_refused() {
        let misspelt = json!({"path": "/x", "action": {"delay": 5}});
        assert!(serde_json::from_value::<Rule>(misspelt).is_err());
    }

    #[test]
    fn rules_go_by_number() {
        let mut faults = Faults::default();
        let first = faults.add(rule(json!({"path": "/x", "action": {"delay_ms": 1}})));
        assert!(faults.remove(first));
        assert!(!faults.remove(first));
        assert!(faults.apply("GET", "/x").is_none());
    }
}
