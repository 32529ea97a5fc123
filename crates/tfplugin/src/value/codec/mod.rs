//! Values on the wire: msgpack, always written and preferred when reading, and JSON as in state files.
//!
//! Decoding is driven by the schema's type, as `docs/plugin-protocol/object-wire-format.md` of hashicorp/terraform says.
//! No input makes it panic, and memory is bounded by the size of the input.

mod json;
mod msgpack;

use crate::server::Encoded;
use crate::value::Value;
use crate::value::conform::NotOfType;
use crate::value::path::{AttributePath, Step};
use crate::value::types::{NotAType, Type};

/// Bytes that are no value of the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_root() { String::new() } else { format!("`{path}`: ") })]
pub struct CodecError {
    /// Where in the value.
    pub path: AttributePath,
    message: String,
}

impl CodecError {
    fn new(message: impl Into<String>) -> Self {
        Self { path: AttributePath::root(), message: message.into() }
    }

    fn inside(mut self, step: Step) -> Self {
        self.path = self.path.inside(step);
        self
    }

    fn wanted(wanted: &Type, found: &str) -> Self {
        Self::new(format!("wanted {}, found {found}", wanted.name()))
    }
}

impl From<NotOfType> for CodecError {
    fn from(error: NotOfType) -> Self {
        Self { path: error.path, message: error.message }
    }
}

impl From<NotAType> for CodecError {
    fn from(error: NotAType) -> Self {
        Self::new(error.to_string())
    }
}

/// Reads a value: msgpack if there is any, else JSON; both empty is null.
pub fn decode(wanted: &Type, encoded: &Encoded) -> Result<Value, CodecError> {
    if !encoded.msgpack.is_empty() {
        msgpack::decode(wanted, &encoded.msgpack)
    } else if !encoded.json.is_empty() {
        json::decode(wanted, &encoded.json)
    } else {
        Ok(Value::Null)
    }
}

/// Reads the attributes of a state file: attributes that are missing are null, unknown ones are dropped.
pub fn decode_state(wanted: &Type, json: &[u8]) -> Result<Value, CodecError> {
    json::decode(wanted, json)
}

/// Writes a value of the given type, as msgpack.
pub fn encode(of: &Type, value: &Value) -> Result<Encoded, CodecError> {
    Ok(Encoded { msgpack: msgpack::encode(of, value)?, json: Vec::new() })
}

#[cfg(test)]
mod samples;
