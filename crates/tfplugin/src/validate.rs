//! Validation of one configuration by its schema: required and read-only attributes, validators, rules between
//! attributes, null elements.
//!
//! Terraform checks only that a required argument is written down, not that its value is not null, and it lets a
//! configuration set what only the provider computes. What is unknown is not checked.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan;
use crate::schema::{Attribute, Kind, Rule, Schema, Validator};
use crate::value::Value;
use crate::value::path::{AttributePath, Trail};

/// Checks a configuration. `write_only_allowed`: whether this Terraform keeps write-only values out of the state.
pub fn validate(schema: &Schema, config: &Value, write_only_allowed: bool) -> Diagnostics {
    let mut check = Check { depth: Depth::Values { write_only_allowed }, problems: Diagnostics::none() };
    check.object(&schema.attributes, config, &Trail::default());
    for rule in &schema.rules {
        if let Some(problem) = broken(rule, config) {
            check.problems.push(problem);
        }
    }
    if check.problems.is_empty() {
        // Members of a set that become the same by their defaults.
        check.problems.extend(plan::with_defaults(schema, config).err().unwrap_or_default());
    }
    check.problems
}

/// Checks only which arguments are set: a required one that is null, a read-only one that is not. For plans and reads,
/// whose configuration may know more than was known when it was validated.
pub(crate) fn presence(schema: &Schema, config: &Value) -> Result<(), Diagnostics> {
    let mut check = Check { depth: Depth::Presence, problems: Diagnostics::none() };
    check.object(&schema.attributes, config, &Trail::default());
    if check.problems.is_empty() { Ok(()) } else { Err(check.problems) }
}

/// A message on a place. A path ends at a set, so the rest is told in words.
fn error_at(place: &Trail<'_>, summary: &str, detail: &str) -> Diagnostic {
    let detail = match place.below_set().as_slice() {
        [] => detail.to_owned(),
        names => format!("`{}` of an element: {detail}", names.join(".")),
    };
    Diagnostic::error(summary, detail).at(place.path())
}

/// How much is checked.
#[derive(Clone, Copy)]
enum Depth {
    /// Which arguments are set.
    Presence,
    /// Their values too.
    Values { write_only_allowed: bool },
}

struct Check {
    depth: Depth,
    problems: Diagnostics,
}

impl Check {
    fn object(&mut self, attributes: &BTreeMap<String, Attribute>, value: &Value, place: &Trail<'_>) {
        let Value::Object(items) = value else { return };
        for (name, attribute) in attributes {
            if let Some(item) = items.get(name) {
                self.attribute(attribute, item, &place.attribute(name));
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, place: &Trail<'_>) {
        if value.is_null() {
            if attribute.required {
                self.problems.push(error_at(
                    place,
                    "Missing required argument",
                    "The argument is required, but its value is null.",
                ));
            }
            return;
        }
        if !attribute.required && !attribute.optional {
            self.problems.push(error_at(
                place,
                "Read-only attribute is set",
                "The provider computes this attribute, so it cannot be set. Remove it from the configuration.",
            ));
            return;
        }
        if value.is_unknown() {
            return;
        }
        if let Depth::Values { write_only_allowed } = self.depth
            && !self.value(attribute, value, place, write_only_allowed)
        {
            return;
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

    /// Whether the parts of the value may be looked at.
    fn value(&mut self, attribute: &Attribute, value: &Value, place: &Trail<'_>, write_only_allowed: bool) -> bool {
        if attribute.write_only && !write_only_allowed {
            self.problems.push(error_at(place,
                "Write-only argument is not supported here",
                "This Terraform would store the value. Write-only arguments need Terraform 1.11 or OpenTofu 1.11, or newer.",
            ));
        }
        if has_null_element(value) {
            self.problems.push(error_at(place, "Element is null", "Elements of a collection cannot be null."));
            return false;
        }
        for validator in &attribute.validators {
            if let Err(detail) = checked(validator, value) {
                self.problems.push(error_at(place, "Invalid value", &sentence(&detail)));
            }
        }
        true
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

fn checked(validator: &Validator, value: &Value) -> Result<(), String> {
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
    fn each_depth_is_checked() {
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
    fn a_required_argument_that_is_null_is_refused_at_every_depth() {
        let deep = || single([("inner", set_of_objects([("name", string().required())]).optional())]);
        let schema = Schema::new("")
            .attribute("name", string().required())
            .attribute("tables", set_of_objects([("name", string().required())]).optional())
            .attribute("box", deep().optional());
        let told = |name: Value, tables: Value, inner: Value| {
            let inner = if inner.is_null() { Value::Null } else { Value::object([("inner", inner)]) };
            let config = Value::object([("name", name), ("tables", tables), ("box", inner)]);
            let both = [validate(&schema, &config, false), presence(&schema, &config).err().unwrap_or_default()];
            assert_eq!(both[0], both[1]);
            let lines: Vec<String> =
                both[0].iter().map(|it| format!("{} | {} | {}", it.path, it.summary, it.detail)).collect();
            lines.join("\n")
        };
        let named = |name: Value| set([Value::object([("name", name)])]);
        let ok = || Value::from("a");
        assert_eq!(told(ok(), Value::Null, Value::Null), "");
        assert_eq!(told(Value::Unknown, Value::Unknown, named(Value::Unknown)), "");
        assert_snapshot!(
            told(Value::Null, Value::Null, Value::Null),
            @"name | Missing required argument | The argument is required, but its value is null."
        );
        assert_snapshot!(told(ok(), named(Value::Null), named(Value::Null)), @r"
        box.inner | Missing required argument | `name` of an element: The argument is required, but its value is null.
        tables | Missing required argument | `name` of an element: The argument is required, but its value is null.
        ");
    }

    #[test]
    fn a_read_only_attribute_that_is_set_is_refused_at_every_depth() {
        let schema = Schema::new("")
            .attribute("id", string().computed())
            .attribute("missing", set_of(Type::String).computed().default(Value::string_set::<&str>([])))
            .attribute("branch", string().optional().computed())
            .attribute("tables", set_of_objects([("oid", string().computed())]).optional());
        let told = |items: &[(&str, Value)]| {
            let mut all: BTreeMap<String, Value> =
                schema.attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
            all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            let config = Value::Object(all);
            let problems = validate(&schema, &config, false);
            assert_eq!(problems, presence(&schema, &config).err().unwrap_or_default());
            problems.iter().map(|it| format!("{}: {}", it.path, it.summary)).collect::<Vec<_>>()
        };
        let table = |oid: Value| set([Value::object([("oid", oid)])]);
        assert_eq!(told(&[("branch", "b".into()), ("tables", table(Value::Null))]), Vec::<String>::new());
        for value in [Value::from("x"), Value::Unknown] {
            assert_eq!(told(&[("id", value.clone())]), ["id: Read-only attribute is set"]);
            assert_eq!(told(&[("tables", table(value))]), ["tables: Read-only attribute is set"]);
        }
        assert_eq!(told(&[("missing", Value::string_set::<&str>([]))]), ["missing: Read-only attribute is set"]);
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
