//! Whether a JSON value is what a schema of `OpenAPI` 3.0 says, as far as Neon's document uses that language.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;

/// What is wrong with the value, each sentence with where it is.
pub(super) fn mismatches(document: &Document, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, at, &mut found);
    if let Value::Object(members) = value {
        let (known, open) = known(document, schema);
        if !open {
            let unknown = members.keys().filter(|name| !known.contains(name.as_str()));
            found.extend(unknown.map(|name| format!("{at}: `{name}` is not documented")));
        }
    }
    found
}

fn check(document: &Document, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = document.resolved(schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, at, found);
    }
    if let Some(choices) = schema["oneOf"].as_array()
        && !choices.iter().any(|it| mismatches(document, it, value, at).is_empty())
    {
        found.push(format!("{at}: fits none of the choices"));
    }
    if value.is_null() {
        if schema["nullable"] != true && schema["allOf"].is_null() {
            found.push(format!("{at}: null is not allowed"));
        }
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    match schema["type"].as_str() {
        Some("object") => object(document, schema, value, at, found),
        Some("array") => array(document, schema, value, at, found),
        Some("string") => match value.as_str() {
            Some(text) => string(schema, text, at, found),
            None => found.push(format!("{at}: {value} is no string")),
        },
        Some("integer") if !value.is_i64() && !value.is_u64() => found.push(format!("{at}: {value} is no integer")),
        Some("number") if !value.is_number() => found.push(format!("{at}: {value} is no number")),
        Some("boolean") if !value.is_boolean() => found.push(format!("{at}: {value} is no boolean")),
        None if schema["properties"].is_object() => object(document, schema, value, at, found),
        _ => {}
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        found.push(format!("{at}: {number} is less than {least}"));
    }
}

fn object(document: &Document, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Value::Object(members) = value else {
        found.push(format!("{at}: {value} is no object"));
        return;
    };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(required.filter(|it| !members.contains_key(*it)).map(|it| format!("{at}: `{it}` is missing")));
    for (name, member) in members {
        let inner = schema["properties"]
            .get(name)
            .or_else(|| Some(&schema["additionalProperties"]).filter(|it| it.is_object()));
        if let Some(inner) = inner {
            found.extend(mismatches(document, inner, member, &format!("{at}.{name}")));
        }
    }
}

fn array(document: &Document, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Value::Array(items) = value else {
        found.push(format!("{at}: {value} is no array"));
        return;
    };
    if schema["minItems"].as_u64().is_some_and(|least| (items.len() as u64) < least) {
        found.push(format!("{at}: has {} items", items.len()));
    }
    for item in items {
        found.extend(mismatches(document, &schema["items"], item, &format!("{at}[]")));
    }
}

fn string(schema: &Value, text: &str, at: &str, found: &mut Vec<String>) {
    let length = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|most| length > most)
        || schema["minLength"].as_u64().is_some_and(|least| length < least)
    {
        found.push(format!("{at}: a text of {length} characters"));
    }
    // All ids of the document have one pattern; another one is not checked.
    let is_id = (1..=60).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    if schema["pattern"] == "^[a-z0-9-]{1,60}$" && !is_id {
        found.push(format!("{at}: `{text}` is no id"));
    }
    let is_time = || text.len() >= 20 && text.as_bytes()[10] == b'T' && text[11..].contains(['Z', '+', '-']);
    if schema["format"] == "date-time" && !is_time() {
        found.push(format!("{at}: `{text}` is no time"));
    }
    if schema["format"] == "uuid" && !(text.len() == 36 && text.matches('-').count() == 4) {
        found.push(format!("{at}: `{text}` is no UUID"));
    }
}

/// Names of members that a schema and its parts document, and whether others are allowed too.
fn known<'a>(document: &'a Document, schema: &'a Value) -> (BTreeSet<&'a str>, bool) {
    let schema = document.resolved(schema);
    let mut names: BTreeSet<&str> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let parts: Vec<&Value> = ["allOf", "oneOf"].iter().filter_map(|it| schema[*it].as_array()).flatten().collect();
    let says_nothing = names.is_empty() && parts.is_empty();
    let mut open = says_nothing || schema["additionalProperties"] == true || schema["additionalProperties"].is_object();
    for part in parts {
        let (more, also_open) = known(document, part);
        names.extend(more);
        // A part that only demands members says nothing of others.
        open |= also_open && !document.resolved(part)["additionalProperties"].is_null();
    }
    (names, open)
}
