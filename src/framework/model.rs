//! The bridge between untyped values and typed models, by serde.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::schema::Schema;
use super::value::Value;

/// A value and a model that do not fit together: a mistake in the provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mismatch {
    message: String,
}

impl serde::ser::Error for Mismatch {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string() }
    }
}

impl serde::de::Error for Mismatch {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string() }
    }
}

/// The untyped form of a model. Sequences come out as lists: `Type::conform` turns them into sets where the schema
/// says so.
pub fn to_value<M: Serialize + ?Sized>(_model: &M) -> Result<Value, Mismatch> {
    unreachable!("written by the framework helper")
}

/// The typed form of a value. A collection with unknown elements is an unknown attribute.
pub fn from_value<M: DeserializeOwned>(_value: &Value) -> Result<M, Mismatch> {
    unreachable!("written by the framework helper")
}

/// A model of a schema with every attribute null.
pub fn nulls<M: DeserializeOwned>(_schema: &Schema) -> Result<M, Mismatch> {
    unreachable!("written by the framework helper")
}
