//! What a person is told of an attribute: its documentation, and what its behaviour as data says.

use std::collections::BTreeMap;

use super::attribute::{Attribute, Kind, Validator};
use super::rule::Rule;
use crate::validate::listed;
use crate::value::Value;
use crate::value::number::Number;
use crate::value::types::Type;

/// The sentences on an attribute: its documentation, then what its behavior and the rules on it say. Editors, CDKTF and
/// Pulumi read them from `terraform providers schema -json`, the pages have them too.
pub(crate) fn attribute(name: &str, attribute: &Attribute, rules: &[Rule]) -> String {
    let mut sentences = vec![attribute.doc.split_whitespace().collect::<Vec<_>>().join(" ")];
    for validator in &attribute.validators {
        if let Validator::OneOf(allowed) = validator {
            let each = if matches!(attribute.kind, Kind::Type(Type::String)) { "One of" } else { "Each is one of" };
            sentences.push(format!("{each} {}.", listed(allowed, "or")));
        }
    }
    match &attribute.default {
        Some(default) if attribute.optional => sentences.push(format!("Defaults to `{}`.", literal(default))),
        Some(default) => {
            sentences.push(format!("Every plan aims at `{}`; another value shows as a difference.", literal(default)));
        }
        None => {}
    }
    if attribute.replaces_if_set {
        let when = if attribute.required { "" } else { " (if it was set)" };
        sentences.push(format!("Changing this replaces the resource{when}."));
    }
    if let Some(sentence) = attribute.deprecated {
        sentences.push(sentence.to_owned());
    }
    sentences.extend(rules.iter().filter_map(|rule| rule_sentence(rule, name)));
    sentences.join(" ")
}

/// A value as it is written in configuration; a string alone is written bare.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => hcl(other),
    }
}

fn hcl(value: &Value) -> String {
    let sequence = |items: Vec<String>| format!("[{}]", items.join(", "));
    let object = |items: &BTreeMap<String, Value>| {
        let items: Vec<String> = items.iter().map(|(name, it)| format!("{name} = {}", hcl(it))).collect();
        if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
    };
    match value {
        Value::Null | Value::Unknown => "null".into(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => Number::to_string(it),
        Value::String(it) => format!("{it:?}"),
        Value::List(items) => sequence(items.iter().map(hcl).collect()),
        Value::Set(items) => sequence(items.iter().map(hcl).collect()),
        Value::Map(items) | Value::Object(items) => object(items),
        Value::Dynamic(inner) => hcl(&inner.1),
    }
}

/// What a rule says about one attribute.
fn rule_sentence(rule: &Rule, name: &str) -> Option<String> {
    match rule {
        Rule::ExactlyOneOf(names) if names.contains(&name) => {
            Some(format!("Exactly one of {} must be set.", listed(names, "and")))
        }
        Rule::AtLeastOneOf(names) if names.contains(&name) => {
            Some(format!("At least one of {} must be set.", listed(names, "and")))
        }
        Rule::Conflicts(one, other) | Rule::Conflicts(other, one) if *one == name => {
            Some(format!("Cannot be set together with `{other}`."))
        }
        Rule::Requires(one, other) if *one == name => Some(format!("Needs `{other}`.")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::{set_of, string};
    use super::*;

    #[test]
    fn behavior_and_rules_are_told() {
        let told = |name: &str, it: &Attribute| {
            attribute(name, it, &[Rule::Conflicts("mode", "words"), Rule::Requires("words", "other")])
        };
        assert_snapshot!(
            told("mode", &string().default("a").one_of(["a", "b"]).replaces_if_set().doc("How\n  it is.")),
            @"How it is. One of `a` or `b`. Defaults to `a`. Changing this replaces the resource (if it was set). Cannot be set together with `words`."
        );
        assert_snapshot!(
            told("words", &set_of(Type::String).optional().one_of(["a"]).deprecated("Use `mode`.").doc("Words.")),
            @"Words. Each is one of `a`. Use `mode`. Cannot be set together with `mode`. Needs `other`."
        );
    }
}
