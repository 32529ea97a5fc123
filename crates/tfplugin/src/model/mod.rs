//! The bridge between untyped values and typed models, by serde.

pub mod attr;
pub(crate) mod fill;
mod from_value;
mod mismatch;
mod to_value;

pub use mismatch::Mismatch;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::schema::{Attribute, Kind, Nesting, Schema};
use crate::value::Value;

/// The untyped form of a model. Sequences come out as lists: `Type::conform` turns them into sets where the schema
/// says so.
pub fn to_value<M: Serialize + ?Sized>(model: &M) -> Result<Value, Mismatch> {
    model.serialize(to_value::ToValue)
}

/// The typed form of a value. A collection with unknown elements is an unknown attribute; an object with unknown
/// attributes is a known object, so fields of nested objects are [`Attr`](crate::model::attr::Attr)s too.
pub fn from_value<M: DeserializeOwned>(value: &Value) -> Result<M, Mismatch> {
    M::deserialize(from_value::FromValue(value))
}

/// A model of a schema with every attribute null.
pub fn nulls<M: DeserializeOwned>(schema: &Schema) -> Result<M, Mismatch> {
    from_value(&Value::object(schema.attributes.keys().map(|name| (name.clone(), Value::Null))))
}

/// Whether a model has exactly the attributes of a schema, at every depth: an object whose leaves are all null, and
/// one whose leaves are all unknown, must decode and come back the same.
pub(crate) fn agrees<M: Serialize + DeserializeOwned>(schema: &Schema) -> Result<(), String> {
    for leaf in [Value::Null, Value::Unknown] {
        let sample =
            Value::object(schema.attributes.iter().map(|(name, attribute)| (name.clone(), skeleton(attribute, &leaf))));
        let model: M = from_value(&sample).map_err(|error| format!("does not decode: {error}"))?;
        let back = to_value(&model).map_err(|error| format!("does not encode: {error}"))?;
        let back = schema.object_type().conform(back).map_err(|error| format!("does not come back: {error}"))?;
        if back != sample {
            return Err(format!("comes back changed: {sample:?} became {back:?}"));
        }
    }
    Ok(())
}

/// A value of an attribute with all its objects and no content.
fn skeleton(attribute: &Attribute, leaf: &Value) -> Value {
    let Kind::Nested(nesting, attributes) = &attribute.kind else { return leaf.clone() };
    let object = Value::object(attributes.iter().map(|(name, it)| (name.clone(), skeleton(it, leaf))));
    match nesting {
        Nesting::Single => object,
        Nesting::List => Value::List(vec![object]),
        Nesting::Set => Value::Set([object].into_iter().collect()),
        Nesting::Map => Value::Map([("key".to_owned(), object)].into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Deserialize;

    use super::*;
    use crate::model::attr::Attr;
    use crate::schema::{boolean, set_of, set_of_objects, string};
    use crate::value::types::Type;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        AsFound,
        Full,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Member {
        name: Attr<String>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Model {
        text: Attr<String>,
        flag: Attr<bool>,
        port: Attr<u16>,
        ratio: Attr<f64>,
        mode: Attr<Mode>,
        words: Attr<BTreeSet<String>>,
        members: Attr<BTreeSet<Member>>,
        labels: Attr<BTreeMap<String, String>>,
        maybe: Attr<Vec<Option<i64>>>,
    }

    fn sample() -> Model {
        Model {
            text: Attr::Known("a".into()),
            flag: Attr::Known(true),
            port: Attr::Known(5432),
            ratio: Attr::Known(0.25),
            mode: Attr::Known(Mode::AsFound),
            words: Attr::Known(["x".to_owned()].into()),
            members: Attr::Known([Member { name: Attr::Unknown }, Member { name: Attr::Known("m".into()) }].into()),
            labels: Attr::Known([("k".to_owned(), "v".to_owned())].into()),
            maybe: Attr::Known(vec![Some(1), None]),
        }
    }

    #[test]
    fn a_model_survives_the_bridge() {
        let value = to_value(&sample()).unwrap();
        assert_eq!(value.get("mode"), Some(&"as_found".into()));
        assert_eq!(from_value::<Model>(&value).unwrap(), sample());
    }

    fn with(attribute: &str, value: Value) -> Result<Model, Mismatch> {
        let Value::Object(mut all) = to_value(&sample()).unwrap() else { panic!("no object") };
        all.insert(attribute.into(), value);
        from_value(&Value::Object(all))
    }

    #[test]
    fn sets_decode_as_well_as_lists() {
        let set = Value::string_set(["x", "y"]);
        assert_eq!(with("words", set).unwrap().words, Attr::Known(["x".to_owned(), "y".to_owned()].into()));
    }

    #[test]
    fn a_collection_with_unknown_elements_is_unknown() {
        let set = Value::Set(["x".into(), Value::Unknown].into_iter().collect());
        assert_eq!(with("words", set).unwrap().words, Attr::Unknown);
    }

    #[test]
    fn an_attribute_that_is_missing_or_too_much_does_not_decode() {
        let Value::Object(mut all) = to_value(&sample()).unwrap() else { panic!("no object") };
        let text = all.remove("text").unwrap();
        assert!(from_value::<Model>(&Value::Object(all.clone())).unwrap_err().to_string().contains("text"));
        all.insert("text".into(), text);
        all.insert("more".into(), Value::Null);
        assert!(from_value::<Model>(&Value::Object(all)).unwrap_err().to_string().contains("more"));
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let error = with("members", Value::List(vec![Value::object([("name", Value::Bool(true))])])).unwrap_err();
        assert_eq!(error.path.to_string(), "members[0].name");
        assert_eq!(with("port", Value::from(70_000)).unwrap_err().path, crate::path!(port));
        assert_eq!(with("mode", "other".into()).unwrap_err().path, crate::path!(mode));
        let fraction = Value::Number("1.5".parse().unwrap());
        assert_eq!(with("port", fraction).unwrap_err().path, crate::path!(port));
    }

    fn schema() -> Schema {
        Schema::new("")
            .attribute("words", set_of(Type::String).optional())
            .attribute("members", set_of_objects([("name", string().required())]).optional())
    }

    #[test]
    fn agreement_sees_every_depth() {
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Good {
            words: Attr<BTreeSet<String>>,
            members: Attr<BTreeSet<Member>>,
        }
        assert_eq!(agrees::<Good>(&schema()), Ok(()));
        assert!(agrees::<Good>(&schema().attribute("more", boolean().optional())).unwrap_err().contains("more"));
        let deeper = set_of_objects([("name", string().required()), ("schema", string().optional())]).optional();
        assert!(agrees::<Good>(&schema().attribute("members", deeper)).unwrap_err().contains("schema"));
    }

    #[test]
    fn nulls_is_every_attribute_null() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Good {
            words: Attr<BTreeSet<String>>,
            members: Attr<BTreeSet<Member>>,
        }
        assert_eq!(nulls::<Good>(&schema()).unwrap(), Good { words: Attr::Null, members: Attr::Null });
    }
}
