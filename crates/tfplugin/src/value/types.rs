//! Terraform's type language: what an attribute may hold, and its wire form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// How deep a type that comes over the wire may be nested. Ours are three deep; a hostile one must not end the stack.
const MAX_DEPTH: usize = 32;

/// A type of Terraform's language (cty).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `any`: the value says its own type.
    Dynamic,
    /// `list(T)`
    List(Box<Type>),
    /// `set(T)`
    Set(Box<Type>),
    /// `map(T)`
    Map(Box<Type>),
    /// `object({ name = T, … })`
    Object(BTreeMap<String, Type>),
    /// `tuple([T, …])`
    Tuple(Vec<Type>),
}

/// JSON that is no type constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a type: {0}")]
pub struct NotAType(String);

impl Type {
    /// The JSON type constraint that the protocol carries: `["set","string"]`, `["object",{"a":"bool"}]`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Object(attributes) => {
                let attributes: serde_json::Map<String, Json> =
                    attributes.iter().map(|(name, it)| (name.clone(), it.to_json())).collect();
                json!(["object", attributes])
            }
            Self::Tuple(elements) => json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()]),
        }
    }

    /// Reads a JSON type constraint. The list of optional attributes of an object is read over: values have them all.
    pub fn from_json(json: &Json) -> Result<Self, NotAType> {
        Self::from_json_within(json, MAX_DEPTH)
    }

    fn from_json_within(json: &Json, depth: usize) -> Result<Self, NotAType> {
        let refuse = || NotAType(json.to_string().chars().take(80).collect());
        let depth = depth.checked_sub(1).ok_or_else(|| NotAType(format!("nested more than {MAX_DEPTH} deep")))?;
        let inner = |it: &Json| Self::from_json_within(it, depth).map(Box::new);
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(refuse()),
            },
            Json::Array(parts) => match (parts.first().and_then(Json::as_str), parts.get(1)) {
                (Some("list"), Some(element)) => Ok(Self::List(inner(element)?)),
                (Some("set"), Some(element)) => Ok(Self::Set(inner(element)?)),
                (Some("map"), Some(element)) => Ok(Self::Map(inner(element)?)),
                (Some("object"), Some(Json::Object(attributes))) => attributes
                    .iter()
                    .map(|(name, it)| Ok((name.clone(), Self::from_json_within(it, depth)?)))
                    .collect::<Result<_, _>>()
                    .map(Self::Object),
                (Some("tuple"), Some(Json::Array(elements))) => elements
                    .iter()
                    .map(|it| Self::from_json_within(it, depth))
                    .collect::<Result<_, _>>()
                    .map(Self::Tuple),
                _ => Err(refuse()),
            },
            _ => Err(refuse()),
        }
    }

    /// The type in a few words, for messages and documentation: `string`, `set of string`, `object`.
    pub fn name(&self) -> String {
        match self {
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::String => "string".into(),
            Self::Dynamic => "any type".into(),
            Self::List(element) => format!("list of {}", element.name()),
            Self::Set(element) => format!("set of {}", element.name()),
            Self::Map(element) => format!("map of {}", element.name()),
            Self::Object(_) => "object".into(),
            Self::Tuple(elements) => format!("tuple of {}", elements.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::Object(attributes.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect())
    }

    #[test]
    fn wire_form_round_trips() {
        let all = Type::Tuple(vec![
            Type::Bool,
            Type::Number,
            Type::Dynamic,
            Type::List(Box::new(Type::String)),
            Type::Set(Box::new(object(&[("a", Type::Map(Box::new(Type::Bool)))]))),
        ]);
        let json = all.to_json();
        assert_eq!(
            json.to_string(),
            r#"["tuple",["bool","number","dynamic",["list","string"],["set",["object",{"a":["map","bool"]}]]]]"#
        );
        assert_eq!(Type::from_json(&json), Ok(all));
    }

    #[test]
    fn optional_attributes_of_an_object_are_read_over() {
        let json: Json = serde_json::from_str(r#"["object",{"a":"string"},["a"]]"#).unwrap();
        assert_eq!(Type::from_json(&json), Ok(object(&[("a", Type::String)])));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [r#""text""#, "1", "[]", r#"["list"]"#, r#"["object",[]]"#, r#"["tuple","string"]"#, "null"] {
            let json: Json = serde_json::from_str(text).unwrap();
            assert!(Type::from_json(&json).is_err(), "{text}");
        }
        let deep = (0..60).fold(json!("string"), |inner, _| json!(["list", inner]));
        assert!(Type::from_json(&deep).unwrap_err().to_string().contains("deep"));
    }
}
