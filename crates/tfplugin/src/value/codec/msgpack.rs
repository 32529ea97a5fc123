//! The msgpack form of values.

use std::collections::BTreeMap;

use rmpv::Value as Tree;

use super::error::CodecError;
use crate::value::Value;
use crate::value::number::Number;
use crate::value::path::Step;
use crate::value::types::Type;

/// How deep a message may be nested. rmpv counts a string as a level and each container as two.
const MAX_DEPTH: usize = 256;

/// Reads a whole message.
pub(crate) fn decode(wanted: &Type, mut bytes: &[u8]) -> Result<Value, CodecError> {
    let tree = rmpv::decode::read_value_with_max_depth(&mut bytes, MAX_DEPTH)
        .map_err(|error| CodecError::new(format!("not msgpack: {error}")))?;
    if !bytes.is_empty() {
        return Err(CodecError::new(format!("{} bytes after the value", bytes.len())));
    }
    value(wanted, tree)
}

fn value(wanted: &Type, tree: Tree) -> Result<Value, CodecError> {
    match (wanted, tree) {
        (_, Tree::Nil) => Ok(Value::Null),
        // Any extension is an unknown value; 12 carries refinements, which are ours to ignore.
        (_, Tree::Ext(..)) => Ok(Value::Unknown),
        (Type::Bool, Tree::Boolean(it)) => Ok(Value::Bool(it)),
        (Type::Number, tree) => number(tree).map(Value::Number),
        (Type::String, Tree::String(it)) => text(it).map(Value::String),
        (Type::List(element), Tree::Array(items)) => elements(element, items).map(Value::List),
        (Type::Set(element), Tree::Array(items)) => {
            elements(element, items).map(|items| Value::Set(items.into_iter().collect()))
        }
        (Type::Map(element), Tree::Map(items)) => {
            let mut all = BTreeMap::new();
            for (key, item) in items {
                let key = key_of(key)?;
                let item = value(element, item).map_err(|error| error.inside(Step::Key(key.clone())))?;
                all.insert(key, item);
            }
            Ok(Value::Map(all))
        }
        (Type::Object(attributes), Tree::Map(items)) => {
            let mut all = BTreeMap::new();
            for (key, item) in items {
                let key = key_of(key)?;
                let wanted =
                    attributes.get(&key).ok_or_else(|| CodecError::new(format!("there is no attribute `{key}`")))?;
                let item = value(wanted, item).map_err(|error| error.inside(Step::Attribute(key.clone())))?;
                all.insert(key, item);
            }
            match attributes.keys().find(|name| !all.contains_key(*name)) {
                Some(name) => Err(CodecError::new(format!("attribute `{name}` is missing"))),
                None => Ok(Value::Object(all)),
            }
        }
        (Type::Tuple(types), Tree::Array(items)) if types.len() == items.len() => types
            .iter()
            .zip(items)
            .zip(0..)
            .map(|((wanted, item), index)| value(wanted, item).map_err(|error| error.inside(Step::Index(index))))
            .collect::<Result<_, _>>()
            .map(Value::List),
        (Type::Dynamic, Tree::Array(items)) => {
            let [of, inner] = <[Tree; 2]>::try_from(items)
                .map_err(|_| CodecError::new("a dynamic value is a pair of its type and the value"))?;
            let Some(of) = of.as_slice() else {
                return Err(CodecError::new("the type of a dynamic value is JSON text"));
            };
            let of: serde_json::Value = serde_json::from_slice(of)
                .map_err(|error| CodecError::new(format!("the type of a dynamic value is not JSON: {error}")))?;
            let of = Type::from_json(&of)?;
            let inner = value(&of, inner)?;
            Ok(Value::Dynamic(Box::new((of, inner))))
        }
        (wanted, tree) => Err(CodecError::wanted(wanted, name(&tree))),
    }
}

fn elements(element: &Type, items: Vec<Tree>) -> Result<Vec<Value>, CodecError> {
    items
        .into_iter()
        .zip(0..)
        .map(|(item, index)| value(element, item).map_err(|error| error.inside(Step::Index(index))))
        .collect()
}

fn number(tree: Tree) -> Result<Number, CodecError> {
    let refuse = |found: &str| CodecError::wanted(&Type::Number, found);
    match tree {
        Tree::Integer(it) => match (it.as_i64(), it.as_u64()) {
            (Some(it), _) => Ok(it.into()),
            (None, Some(it)) => Ok(it.into()),
            (None, None) => Err(refuse("integer")),
        },
        Tree::F32(it) => Number::try_from(f64::from(it)).map_err(|error| CodecError::new(error.to_string())),
        Tree::F64(it) => Number::try_from(it).map_err(|error| CodecError::new(error.to_string())),
        Tree::String(it) => text(it)?.parse().map_err(|error| CodecError::new(format!("{error}"))),
        tree => Err(refuse(name(&tree))),
    }
}

fn text(it: rmpv::Utf8String) -> Result<String, CodecError> {
    it.into_str().ok_or_else(|| CodecError::new("a string is not UTF-8"))
}

fn key_of(key: Tree) -> Result<String, CodecError> {
    match key {
        Tree::String(it) => text(it),
        other => Err(CodecError::new(format!("a key is a string, not {}", name(&other)))),
    }
}

fn name(tree: &Tree) -> &'static str {
    match tree {
        Tree::Nil => "null",
        Tree::Boolean(_) => "bool",
        Tree::Integer(_) | Tree::F32(_) | Tree::F64(_) => "number",
        Tree::String(_) => "string",
        Tree::Binary(_) => "bytes",
        Tree::Array(_) => "array",
        Tree::Map(_) => "map",
        Tree::Ext(..) => "extension",
    }
}

/// Writes a value.
pub(crate) fn encode(of: &Type, value: &Value) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &tree(of, value)?)
        .map_err(|error| CodecError::new(format!("cannot be written: {error}")))?;
    Ok(bytes)
}

fn tree(of: &Type, value: &Value) -> Result<Tree, CodecError> {
    match (of, value) {
        (_, Value::Null) => Ok(Tree::Nil),
        // `d4 00 00`, as Terraform writes it.
        (_, Value::Unknown) => Ok(Tree::Ext(0, vec![0])),
        (Type::Bool, Value::Bool(it)) => Ok(Tree::Boolean(*it)),
        (Type::Number, Value::Number(it)) => Ok(number_tree(it)),
        (Type::String, Value::String(it)) => Ok(it.as_str().into()),
        (Type::List(element), Value::List(items)) => array(items.iter().map(|item| (&**element, item))),
        (Type::Set(element), Value::Set(items)) => array(items.iter().map(|item| (&**element, item))),
        (Type::Tuple(types), Value::List(items)) if types.len() == items.len() => array(types.iter().zip(items)),
        (Type::Map(element), Value::Map(items)) => items
            .iter()
            .map(|(key, item)| {
                let item = tree(element, item).map_err(|error| error.inside(Step::Key(key.clone())))?;
                Ok((key.as_str().into(), item))
            })
            .collect::<Result<_, _>>()
            .map(Tree::Map),
        (Type::Object(attributes), Value::Object(items)) => {
            if let Some(name) = items.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(CodecError::new(format!("there is no attribute `{name}`")));
            }
            attributes
                .iter()
                .map(|(name, of)| {
                    let item =
                        items.get(name).ok_or_else(|| CodecError::new(format!("attribute `{name}` is missing")))?;
                    let item = tree(of, item).map_err(|error| error.inside(Step::Attribute(name.clone())))?;
                    Ok((name.as_str().into(), item))
                })
                .collect::<Result<_, _>>()
                .map(Tree::Map)
        }
        (Type::Dynamic, Value::Dynamic(inner)) => {
            let (of, value) = &**inner;
            Ok(Tree::Array(vec![Tree::Binary(of.to_json().to_string().into_bytes()), tree(of, value)?]))
        }
        (of, value) => Err(CodecError::wanted(of, value.kind_name())),
    }
}

fn array<'a>(items: impl Iterator<Item = (&'a Type, &'a Value)>) -> Result<Tree, CodecError> {
    items
        .zip(0..)
        .map(|((of, item), index)| tree(of, item).map_err(|error| error.inside(Step::Index(index))))
        .collect::<Result<_, _>>()
        .map(Tree::Array)
}

/// An integer if it fits, a float only if it is a fraction and exact, else decimal digits.
fn number_tree(it: &Number) -> Tree {
    if let Some(integer) = it.to_i64() {
        integer.into()
    } else if let Some(float) = it.to_exact_f64().filter(|float| float.fract() != 0.0) {
        float.into()
    } else {
        it.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::codec::samples;

    fn number_bytes(text: &str) -> Vec<u8> {
        encode(&Type::Number, &Value::Number(text.parse().unwrap())).unwrap()
    }

    fn object_type() -> Type {
        Type::Object([("a".to_owned(), Type::Number), ("b".to_owned(), Type::Set(Box::new(Type::String)))].into())
    }

    #[test]
    fn numbers_are_written_in_the_smallest_exact_form() {
        assert_eq!(number_bytes("5"), [5]);
        assert_eq!(number_bytes("9223372036854775807"), [0xcf, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(number_bytes("0.25"), [0xcb, 0x3f, 0xd0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(number_bytes("0.1"), b"\xa30.1");
        assert_eq!(number_bytes("123456789012345678901234567890"), b"\xbe123456789012345678901234567890");
        assert_eq!(number_bytes("1e400").len(), 3 + 401);
    }

    #[test]
    fn numbers_are_read_exactly() {
        let read = |bytes: &[u8]| decode(&Type::Number, bytes).map(|it| format!("{it:?}"));
        assert_eq!(read(b"\xa30.1").unwrap(), "Number(0.1)");
        assert_eq!(read(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]).unwrap(), "Number(18446744073709551615)");
        assert_eq!(read(&[0xca, 0x3e, 0x80, 0, 0]).unwrap(), "Number(0.25)");
        assert_eq!(read(&[0xcb, 0x44, 0x10, 0, 0, 0, 0, 0, 0]).unwrap(), "Number(73786976294838206464)");
        assert!(read(&[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0]).is_err(), "infinity");
        assert!(read(b"\xac1e9999999999").is_err());
    }

    #[test]
    fn any_extension_is_unknown_and_unknown_is_written_as_core_does() {
        let refined = [0xc7, 3, 12, 0x81, 1, 0xc2];
        for bytes in [&[0xd4, 0, 0][..], &refined, &[0xd4, 99, 1]] {
            assert_eq!(decode(&Type::String, bytes), Ok(Value::Unknown));
        }
        assert_eq!(encode(&Type::String, &Value::Unknown).unwrap(), [0xd4, 0, 0]);
    }

    #[test]
    fn dynamic_brings_its_type() {
        let bytes = b"\x92\xc4\x08\"string\"\xa1x";
        let value = Value::Dynamic(Box::new((Type::String, "x".into())));
        assert_eq!(decode(&Type::Dynamic, bytes), Ok(value.clone()));
        assert_eq!(encode(&Type::Dynamic, &value).unwrap(), bytes);
    }

    #[test]
    fn an_object_has_exactly_its_attributes() {
        let message = |bytes: &[u8]| decode(&object_type(), bytes).unwrap_err().to_string();
        assert_eq!(message(b"\x81\xa1a\x01"), "attribute `b` is missing");
        assert_eq!(message(b"\x81\xa1c\x01"), "there is no attribute `c`");
        assert_eq!(message(b"\x82\xa1a\xc3\xa1b\xc0"), "`a`: wanted number, found bool");
        assert_eq!(message(b"\x82\xa1a\xc0\xa1b\x91\x05"), "`b[0]`: wanted string, found number");
        assert_eq!(message(b"\xc0\xc0"), "1 bytes after the value");
        assert!(encode(&object_type(), &Value::object([("a", Value::Null)])).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let bytes = vec![0x91; 1_000_000];
        assert!(decode(&Type::Dynamic, &bytes).unwrap_err().to_string().starts_with("not msgpack"));
        let kinds = format!("{}\"string\"{}", "[\"list\",".repeat(100), "]".repeat(100));
        let mut bytes = vec![0x92, 0xc5];
        bytes.extend(u16::try_from(kinds.len()).unwrap().to_be_bytes());
        bytes.extend(kinds.bytes());
        bytes.push(0xc0);
        assert!(decode(&Type::Dynamic, &bytes).unwrap_err().to_string().contains("deep"));
    }

    proptest! {
        #[test]
        fn any_value_survives((of, value) in samples::typed_value(true)) {
            let bytes = encode(&of, &value).unwrap();
            prop_assert_eq!(decode(&of, &bytes).unwrap(), value);
        }

        #[test]
        fn no_bytes_make_it_panic(of in samples::any_type(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&of, &bytes);
        }

        #[test]
        fn no_change_of_a_message_makes_it_panic(
            (of, value) in samples::typed_value(true),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            length in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode(&of, &value).unwrap();
            for (position, byte) in changes {
                let position = position.index(bytes.len());
                bytes[position] = byte;
            }
            let _ = decode(&of, &bytes);
            let _ = decode(&of, &bytes[..length.index(bytes.len())]);
        }
    }
}
