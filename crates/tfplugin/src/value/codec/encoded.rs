//! A value in the form of the wire.

/// A value as it came over the wire; decoding needs the schema. Both empty is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// Always written by us, preferred when reading.
    pub msgpack: Vec<u8>,
    /// Only read when there is no msgpack.
    pub json: Vec<u8>,
}
