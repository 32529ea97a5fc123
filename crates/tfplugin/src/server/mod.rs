//! Every call of the protocol as a function over framework types: what the wire layer translates to and from.

mod actions;
mod apply;
mod ephemeral;
mod functions;
mod host;
mod identity;
mod import;
mod lists;
mod messages;
mod move_state;
mod plan;
mod plugin_server;
mod read;
mod upgrade;
mod validate;
mod verify;

pub use host::FrameworkServer;
pub use messages::{
    ApplyRequest, ClientCapabilities, FunctionRefusal, ImportRequest, ImportResponse, ListRequest, ListedObject,
    Metadata, MoveRequest, OpenResponse, PlanRequest, PlanResponse, ProviderSchema, ReadRequest, RenewResponse,
    StateResponse, UpgradeRequest,
};
pub use plugin_server::PluginServer;

pub use crate::value::codec::Encoded;

#[cfg(test)]
mod tests;
