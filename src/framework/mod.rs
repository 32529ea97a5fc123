//! A Terraform plugin framework for Rust: values, schema, planning and the traits a provider implements.
//!
//! The layer knows no gRPC, no Neon and no Postgres, so that it can be lifted out as a crate of its own.
//! In reading order: [`value`] and [`types`] are Terraform's values; [`schema`] describes a resource, with its
//! planning behaviour as data; [`resource`], [`data_source`] and [`provider`] are what an author implements;
//! [`plan`] is the pure planner; [`server`] is every call of the protocol as a plain function over these types.

pub mod attr;
pub mod codec;
pub mod context;
pub mod data_source;
pub mod diagnostic;
pub mod docs;
pub mod erased;
pub mod import;
pub mod model;
pub mod number;
pub mod path;
pub mod plan;
pub mod private;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod server;
pub mod timeouts;
pub mod types;
pub mod validate;
pub mod value;
