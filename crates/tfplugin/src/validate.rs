//! Validation of one configuration by its schema: validators, rules between attributes, null elements.
//!
//! Required attributes and types are core's to check. What is unknown is not judged.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan;
use crate::schema::{Attribute, Kind, Rule, Schema, Validator};
use crate::value::Value;
use crate::value::path::{AttributePath, Trail};

/// Judges a configuration. `write_only_allowed`: whether this Terraform keeps write-only values out of the state.
pub fn validate(schema: &Schema, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let mut judge = Judge { write_only_allowed, problems: Diagnostics::none() };
    judge.object(&schema.attributes, config, &Trail::default());
    for rule in &schema.rules {
        if let Some(problem) = broken(rule, config) {
            judge.problems.push(problem);
        }
    }
    if judge.problems.is_empty() {
        // Members of a set that become the same by their defaults.
        judge.problems.extend(plan::with_defaults(schema, config).err().unwrap_or_default());
    }
    judge.problems
}

/// A message on a place. A path ends at a set, so the rest is told in words.
fn error_at(place: &Trail<'_>, summary: &str, detail: &str) -> Diagnostic {
    let detail = match place.below_set().as_slice() {
        [] => detail.to_owned(),
        names => format!("`{}` of an element: {detail}", names.join(".")),
    };
    Diagnostic::error(summary, detail).at(place.path())
}

struct Judge {
    write_only_allowed: bool,
    problems: Diagnostics,
}

impl Judge {
    fn object(&mut self, attributes: &BTreeMap<String, Attribute>, value: &Value, place: &Trail<'_>) {
        let Value::Object(items) = value else { return };
        for (name, attribute) in attributes {
            if let Some(item) = items.get(name) {
                self.attribute(attribute, item, &place.attribute(name));
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, place: &Trail<'_>) {
        if value.is_null() || value.is_unknown() {
            return;
        }
        if attribute.write_only && !self.write_only_allowed {
            self.problems.push(error_at(place,
                "Write-only argument is not supported here",
                "This Terraform would store the value. Write-only arguments need Terraform 1.11 or OpenTofu 1.11, or newer.",
            ));
        }
        if has_null_element(value) {
            self.problems.push(error_at(place, "Element is null", "Elements of a collection cannot be null."));
            return;
        }
        for validator in &attribute.validators {
            if let Err(detail) = judge(validator, value) {
                self.problems.push(error_at(place, "Invalid value", &sentence(&detail)));
            }
        }
        let Kind::Nested(_, attributes) = &attribute.kind else { return };
        match value {
            Value::List(items) => {
                for (item, index) in items.iter().zip(0..) {
                    self.object(attributes, item, &place.index(index));
                }
            }
            Value::Map(items) => {
                for (key, item) in items {
                    self.object(attributes, item, &place.key(key));
                }
            }
            Value::Set(items) => items.iter().for_each(|item| self.object(attributes, item, &place.member())),
            other => self.object(attributes, other, place),
        }
    }
}

/// Ends a message with a period.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn has_null_element(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(|it| it.is_null() || has_null_element(it)),
        Value::Set(items) => items.iter().any(|it| it.is_null() || has_null_element(it)),
        Value::Map(items) => items.values().any(|it| it.is_null() || has_null_element(it)),
        _ => false,
    }
}

fn judge(validator: &Validator, value: &Value) -> Result<(), String> {
    match validator {
        Validator::Check(check) => check(value),
        Validator::OneOf(allowed) => {
            let texts: Vec<&Value> = match value {
                Value::List(items) => items.iter().collect(),
                Value::Set(items) => items.iter().collect(),
                other => vec![other],
            };
            for text in texts.into_iter().filter_map(Value::as_str) {
                if !allowed.contains(&text) {
                    return Err(format!("`{text}` is not one of {}", listed(allowed, "or")));
                }
            }
            Ok(())
        }
    }
}

/// `a`, `b` or `c`
pub(crate) fn listed(names: &[&str], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [all @ .., last] => {
            let all: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
            format!("{} {word} `{last}`", all.join(", "))
        }
    }
}

fn broken(rule: &Rule, config: &Value) -> Option<Diagnostic> {
    let value = |name: &str| config.get(name).unwrap_or(&Value::Null);
    let set = |name: &str| !value(name).is_null() && !value(name).is_unknown();
    let count = |names: &[&'static str]| names.iter().filter(|name| set(name)).count();
    let silent = |names: &[&'static str]| names.iter().any(|name| value(name).is_unknown());
    let error = |summary: &str, detail: String, at: &str| {
        Some(Diagnostic::error(summary, detail).at(AttributePath::root().attribute(at)))
    };
    match rule {
        Rule::ExactlyOneOf(names) | Rule::AtLeastOneOf(names) if count(names) == 0 && !silent(names) => {
            let what = if matches!(rule, Rule::ExactlyOneOf(_)) { "One" } else { "At least one" };
            error("Missing argument", format!("{what} of {} must be set.", listed(names, "or")), names.first()?)
        }
        Rule::ExactlyOneOf(names) if count(names) > 1 => error(
            "Arguments exclude each other",
            format!("Only one of {} can be set.", listed(names, "or")),
            names.first()?,
        ),
        Rule::Conflicts(one, other) if set(one) && set(other) => {
            error("Arguments exclude each other", format!("`{one}` and `{other}` cannot be set together."), one)
        }
        Rule::Requires(one, other) if set(one) && value(other).is_null() => {
            error("Missing argument", format!("`{other}` must be set when `{one}` is."), one)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::schema::{set_of, set_of_objects, single, string};
    use crate::value::types::Type;

    fn schema() -> Schema {
        let member = || {
            set_of_objects([
                ("schema", string().default("public")),
                (
                    "name",
                    string().required().parsed_by(|it| if it.len() < 4 { Ok(()) } else { Err("the name is too long") }),
                ),
            ])
        };
        Schema::new("")
            .attribute("mode", string().optional().one_of(["full", "default"]))
            .attribute("words", set_of(Type::String).optional().one_of(["insert", "update"]))
            .attribute("tables", member().optional())
            .attribute("secret", string().optional().write_only())
            .attribute(
                "box",
                single([("inner", member().optional()), ("mode", string().optional().one_of(["a"]))]).optional(),
            )
            .timeouts()
    }

    fn config(items: &[(&str, Value)]) -> Value {
        let mut all: BTreeMap<String, Value> =
            schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
        all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(all)
    }

    fn table(schema: Value, name: Value) -> Value {
        Value::object([("schema", schema), ("name", name)])
    }

    fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    fn told(items: &[(&str, Value)]) -> String {
        told_by(&schema(), items)
    }

    fn told_by(schema: &Schema, items: &[(&str, Value)]) -> String {
        let problems = validate(schema, &config(items), false);
        let lines: Vec<String> =
            problems.iter().map(|it| format!("{} | {} | {}", it.path, it.summary, it.detail)).collect();
        lines.join("\n")
    }

    #[test]
    fn nothing_and_what_is_legal_or_unknown_pass() {
        assert_eq!(told(&[]), "");
        assert_eq!(told(&[("mode", "full".into()), ("words", Value::string_set(["insert"]))]), "");
        assert_eq!(told(&[("mode", Value::Unknown), ("words", set([Value::Unknown])), ("tables", Value::Unknown)]), "");
        assert_eq!(told(&[("tables", set([table(Value::Null, Value::Unknown), table("s".into(), "abc".into())]))]), "");
    }

    #[test]
    fn each_depth_is_judged() {
        assert_snapshot!(told(&[("mode", "x".into())]), @"mode | Invalid value | `x` is not one of `full` or `default`.");
        assert_snapshot!(
            told(&[("words", Value::string_set(["insert", "upsert"]))]),
            @"words | Invalid value | `upsert` is not one of `insert` or `update`."
        );
        assert_snapshot!(
            told(&[("tables", set([table(Value::Null, "long name".into())]))]),
            @"tables | Invalid value | `name` of an element: the name is too long."
        );
        let inner = Value::object([("mode", "b".into()), ("inner", set([table(Value::Null, "long name".into())]))]);
        assert_snapshot!(told(&[("box", inner)]), @r"
        box.inner | Invalid value | `name` of an element: the name is too long.
        box.mode | Invalid value | `b` is not one of `a`.
        ");
        let timeouts = Value::object([
            ("create", "soon".into()),
            ("read", Value::Null),
            ("update", Value::Null),
            ("delete", Value::Null),
        ]);
        assert_snapshot!(
            told(&[("timeouts", timeouts)]),
            @"timeouts.create | Invalid value | `soon` is not a positive duration such as `30s`, `1.5h` or `2h45m`."
        );
    }

    #[test]
    fn null_elements_and_members_that_become_the_same_are_refused() {
        assert_snapshot!(
            told(&[("words", set([Value::Null]))]),
            @"words | Element is null | Elements of a collection cannot be null."
        );
        assert_snapshot!(
            told(&[("tables", set([table(Value::Null, "a".into()), table("public".into(), "a".into())]))]),
            @"tables | The same element twice | `tables` has two elements that are the same once their defaults are filled in. Remove one of them."
        );
        assert_eq!(told(&[("tables", set([table(Value::Null, "a".into()), table("public".into(), "b".into())]))]), "");
    }

    #[test]
    fn write_only_values_need_a_terraform_that_keeps_them_out() {
        assert!(told(&[("secret", "x".into())]).starts_with("secret | Write-only argument"));
        assert!(validate(&schema(), &config(&[("secret", "x".into())]), true).is_empty());
    }

    #[test]
    fn rules_are_silent_about_the_unknown() {
        let schema = schema().rule(Rule::ExactlyOneOf(vec!["mode", "words", "tables"]));
        let words = || ("words", Value::string_set(["insert"]));
        assert_snapshot!(told_by(&schema, &[]), @"mode | Missing argument | One of `mode`, `words` or `tables` must be set.");
        assert_snapshot!(
            told_by(&schema, &[words(), ("mode", "full".into()), ("tables", Value::Unknown)]),
            @"mode | Arguments exclude each other | Only one of `mode`, `words` or `tables` can be set."
        );
        assert_eq!(told_by(&schema, &[("mode", Value::Unknown)]), "");
        assert_eq!(told_by(&schema, &[words(), ("mode", Value::Unknown)]), "");
    }

    #[test]
    fn conflicts_requirements_and_at_least_one() {
        let rules = schema()
            .rule(Rule::Conflicts("mode", "words"))
            .rule(Rule::Requires("mode", "tables"))
            .rule(Rule::AtLeastOneOf(vec!["words", "tables"]));
        assert_snapshot!(told_by(&rules, &[]), @"words | Missing argument | At least one of `words` or `tables` must be set.");
        assert_snapshot!(told_by(&rules, &[("mode", "full".into()), ("words", Value::string_set(["insert"]))]), @r"
        mode | Arguments exclude each other | `mode` and `words` cannot be set together.
        mode | Missing argument | `tables` must be set when `mode` is.
        ");
        assert_eq!(told_by(&rules, &[("mode", "full".into()), ("tables", Value::Unknown)]), "");
    }
}
