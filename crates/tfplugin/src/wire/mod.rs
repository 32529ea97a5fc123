//! The plugin protocol on the wire: each call translated to and from the framework.

mod action;
mod data_source;
mod ephemeral;
mod events;
mod function;
pub mod generated;
mod list;
mod provider;
mod resource;
mod rpc;
pub(crate) mod service;
mod translate;
