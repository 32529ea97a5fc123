//! Values on the wire: msgpack, always written and preferred when reading, and JSON as in state files.
//!
//! Decoding is driven by the schema's type, as `docs/plugin-protocol/object-wire-format.md` of hashicorp/terraform says.
//! No input makes it panic, and memory is bounded by the size of the input.

mod encoded;
mod error;
mod json;
mod msgpack;

pub use encoded::Encoded;
pub use error::CodecError;

use crate::value::Value;
use crate::value::types::Type;

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
