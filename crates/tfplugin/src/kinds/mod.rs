//! What a provider can offer: a trait for each kind that an author implements, and its object-safe twin.

pub mod action;
pub mod data_source;
pub mod ephemeral;
pub mod erased;
pub mod function;
pub mod list;
pub mod resource;
pub(crate) mod typed;
