//! The plugin protocol on the wire: each call translated to and from the framework.

pub mod generated;
pub(crate) mod provider_service;
mod rpc;
mod translate;
