//! What `proto/*.proto` compiles to, committed so that building needs no protobuf compiler.
//! The test `generated::proto` keeps it fresh; after a change of a proto file run it with `UPDATE=1`.

use std::fmt;

/// go-plugin's own services: controller, broker, stdio.
#[rustfmt::skip]
#[expect(missing_docs, clippy::pedantic, reason = "made by tonic-prost-build; its form is not ours")]
pub mod plugin;

/// Terraform plugin protocol 6.11.
#[rustfmt::skip]
#[expect(missing_docs, clippy::all, clippy::pedantic, reason = "made by tonic-prost-build; its form is not ours")]
pub mod tfplugin6;

// Both carry configuration and state, secrets among them: only sizes are shown.

impl fmt::Debug for tfplugin6::DynamicValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicValue({} bytes msgpack, {} bytes json)", self.msgpack.len(), self.json.len())
    }
}

impl fmt::Debug for tfplugin6::RawState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawState({} bytes json, {} flatmap keys)", self.json.len(), self.flatmap.len())
    }
}
