//! Serde serializer whose output is a `Value`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{
    Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer,
};

use super::attr;
use super::mismatch::Mismatch;
use crate::value::Value;
use crate::value::number::Number;
use crate::value::path::Step;

/// Serializes into a [`Value`].
pub(crate) struct ToValue;

fn unsupported(what: &str) -> Mismatch {
    Mismatch::new(format!("{what} have no form in Terraform"))
}

fn number(text: &str) -> Result<Value, Mismatch> {
    text.parse().map(Value::Number).map_err(|error| Mismatch::new(format!("{error}")))
}

impl Serializer for ToValue {
    type Ok = Value;
    type Error = Mismatch;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Impossible<Value, Mismatch>;
    type SerializeMap = Entries;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Impossible<Value, Mismatch>;

    fn serialize_bool(self, it: bool) -> Result<Value, Mismatch> {
        Ok(Value::Bool(it))
    }

    fn serialize_i8(self, it: i8) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_i16(self, it: i16) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_i32(self, it: i32) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_i64(self, it: i64) -> Result<Value, Mismatch> {
        Ok(Value::Number(it.into()))
    }

    fn serialize_i128(self, it: i128) -> Result<Value, Mismatch> {
        number(&it.to_string())
    }

    fn serialize_u8(self, it: u8) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_u16(self, it: u16) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_u32(self, it: u32) -> Result<Value, Mismatch> {
        self.serialize_i64(it.into())
    }

    fn serialize_u64(self, it: u64) -> Result<Value, Mismatch> {
        Ok(Value::Number(it.into()))
    }

    fn serialize_u128(self, it: u128) -> Result<Value, Mismatch> {
        number(&it.to_string())
    }

    fn serialize_f32(self, it: f32) -> Result<Value, Mismatch> {
        self.serialize_f64(it.into())
    }

    fn serialize_f64(self, it: f64) -> Result<Value, Mismatch> {
        Number::try_from(it).map(Value::Number).map_err(|error| Mismatch::new(error.to_string()))
    }

    fn serialize_char(self, it: char) -> Result<Value, Mismatch> {
        Ok(Value::String(it.into()))
    }

    fn serialize_str(self, it: &str) -> Result<Value, Mismatch> {
        Ok(it.into())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Mismatch> {
        Err(unsupported("bytes"))
    }

    fn serialize_none(self) -> Result<Value, Mismatch> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, it: &T) -> Result<Value, Mismatch> {
        it.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Mismatch> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Mismatch> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<Value, Mismatch> {
        match (name == attr::NAME, index) {
            (true, 0) => Ok(Value::Null),
            (true, _) => Ok(Value::Unknown),
            (false, _) => Ok(variant.into()),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, it: &T) -> Result<Value, Mismatch> {
        it.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        it: &T,
    ) -> Result<Value, Mismatch> {
        if name == attr::NAME { it.serialize(self) } else { Err(unsupported("enums with content")) }
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Mismatch> {
        Ok(Items(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Mismatch> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Mismatch> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Mismatch> {
        Err(unsupported("enums with content"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Mismatch> {
        Ok(Entries { entries: BTreeMap::new(), key: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Mismatch> {
        Ok(Fields(BTreeMap::new()))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Mismatch> {
        Err(unsupported("enums with content"))
    }
}

/// A sequence being written.
pub(crate) struct Items(Vec<Value>);

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), Mismatch> {
        let index = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        self.0.push(it.serialize(ToValue).map_err(|error| error.inside(Step::Index(index)))?);
        Ok(())
    }
}

impl SerializeSeq for Items {
    type Ok = Value;
    type Error = Mismatch;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), Mismatch> {
        self.push(it)
    }

    fn end(self) -> Result<Value, Mismatch> {
        Ok(Value::List(self.0))
    }
}

impl SerializeTuple for Items {
    type Ok = Value;
    type Error = Mismatch;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), Mismatch> {
        self.push(it)
    }

    fn end(self) -> Result<Value, Mismatch> {
        Ok(Value::List(self.0))
    }
}

impl SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = Mismatch;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), Mismatch> {
        self.push(it)
    }

    fn end(self) -> Result<Value, Mismatch> {
        Ok(Value::List(self.0))
    }
}

/// A map being written.
pub(crate) struct Entries {
    entries: BTreeMap<String, Value>,
    key: Option<String>,
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = Mismatch;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Mismatch> {
        match key.serialize(ToValue)? {
            Value::String(key) => self.key = Some(key),
            other => return Err(Mismatch::new(format!("a map's key must be a string, not {}", other.kind_name()))),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, it: &T) -> Result<(), Mismatch> {
        let key = self.key.take().ok_or_else(|| Mismatch::new("a map's value came before its key"))?;
        let value = it.serialize(ToValue).map_err(|error| error.inside(Step::Key(key.clone())))?;
        self.entries.insert(key, value);
        Ok(())
    }

    fn end(self) -> Result<Value, Mismatch> {
        Ok(Value::Map(self.entries))
    }
}

/// A struct being written.
pub(crate) struct Fields(BTreeMap<String, Value>);

impl SerializeStruct for Fields {
    type Ok = Value;
    type Error = Mismatch;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, it: &T) -> Result<(), Mismatch> {
        let value = it.serialize(ToValue).map_err(|error| error.inside(Step::Attribute(name.into())))?;
        self.0.insert(name.into(), value);
        Ok(())
    }

    fn end(self) -> Result<Value, Mismatch> {
        Ok(Value::Object(self.0))
    }
}
