//! Serde deserializer that reads a `Value`.

use std::collections::btree_map;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::attr;
use super::mismatch::Mismatch;
use crate::value::Value;
use crate::value::path::Step;

/// Deserializes a [`Value`].
pub(crate) struct FromValue<'a>(pub(crate) &'a Value);

impl<'de> Deserializer<'de> for FromValue<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Unknown => Err(Mismatch::new("a value is not known yet where the model wants it known")),
            Value::Bool(it) => visitor.visit_bool(*it),
            Value::Number(it) => {
                if let Some(integer) = it.to_i64() {
                    visitor.visit_i64(integer)
                } else if let Some(float) = it.to_exact_f64() {
                    visitor.visit_f64(float)
                } else {
                    visitor.visit_string(it.to_string())
                }
            }
            Value::String(it) => visitor.visit_borrowed_str(it),
            Value::List(items) => visitor.visit_seq(Items::new(items.iter())),
            Value::Set(items) => visitor.visit_seq(Items::new(items.iter())),
            Value::Map(items) => visitor.visit_map(Entries::new(items, Step::Key)),
            Value::Object(items) => visitor.visit_map(Entries::new(items, Step::Attribute)),
            Value::Dynamic(inner) => FromValue(&inner.1).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if name == attr::NAME {
            return visitor.visit_enum(State(self.0));
        }
        match self.0 {
            Value::String(text) => {
                let text: StrDeserializer<'_, Mismatch> = text.as_str().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            other => Err(Mismatch::new(format!("wanted one of {variants:?}, found {}", other.kind_name()))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// Reads an `Attr`: which of its three states holds, then the content.
struct State<'a>(&'a Value);

/// Whether an attribute is unknown as a whole for a typed model, whose collections hold known elements.
fn counts_as_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown => true,
        Value::List(items) => items.iter().any(Value::is_unknown),
        Value::Set(items) => items.iter().any(Value::is_unknown),
        Value::Map(items) => items.values().any(Value::is_unknown),
        Value::Dynamic(inner) => counts_as_unknown(&inner.1),
        _ => false,
    }
}

impl<'de> EnumAccess<'de> for State<'de> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Mismatch> {
        let state = match self.0 {
            Value::Null => 0,
            value if counts_as_unknown(value) => 1,
            _ => 2_u32,
        };
        let state: serde::de::value::U32Deserializer<Mismatch> = state.into_deserializer();
        seed.deserialize(state).map(|state| (state, self))
    }
}

impl<'de> VariantAccess<'de> for State<'de> {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Mismatch> {
        seed.deserialize(FromValue(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch::new("an attribute is no tuple"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch::new("an attribute is no struct"))
    }
}

/// The elements of a list or set being read.
struct Items<I> {
    items: I,
    index: i64,
}

impl<'a, I: Iterator<Item = &'a Value>> Items<I> {
    fn new(items: I) -> Self {
        Self { items, index: 0 }
    }
}

impl<'de, I: Iterator<Item = &'de Value>> SeqAccess<'de> for Items<I> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(FromValue(item)).map(Some).map_err(|error| error.inside(Step::Index(index)))
    }
}

/// The entries of a map or object being read.
struct Entries<'a> {
    rest: btree_map::Iter<'a, String, Value>,
    current: Option<(&'a String, &'a Value)>,
    step: fn(String) -> Step,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a btree_map::BTreeMap<String, Value>, step: fn(String) -> Step) -> Self {
        Self { rest: entries.iter(), current: None, step }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Mismatch> {
        self.current = self.rest.next();
        let Some((name, _)) = self.current else { return Ok(None) };
        let name: StrDeserializer<'_, Mismatch> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let (name, value) = self.current.take().ok_or_else(|| Mismatch::new("a map's value came before its key"))?;
        seed.deserialize(FromValue(value)).map_err(|error| error.inside((self.step)(name.clone())))
    }
}
