//! Neon's HTTP API, version 2, as far as replication needs it. No Terraform words.
//!
//! In reading order, each file using only those before it:
//!
//! - `ids`, `request` (a call as a value), `error`, `budget` (the caller's time);
//! - `retry`, `pace`, `reply`, `network`, `outage`, `secrets`, `settings`: what `transport` needs to send a call;
//! - the nouns, a value and its requests each: `auth`, `project`, `branch`, `endpoint`, `database`, `role`, `connection_uri`,
//!   `operation`; `paging` for lists;
//! - `turn` and `change`: a change of a project and its operations;
//! - `cache` (what reads share), `client`, `shared` (the client as reads use it).
//!
//! Facts come from Neon's API document (in the npm package `@neondatabase/api-client`), from neon.com/docs, and from the
//! npm packages `@neon/sdk` and `neon`. No body is ever logged, and no error repeats a body that may hold a password.

mod auth;
mod branch;
mod budget;
mod cache;
mod change;
mod client;
mod connection_uri;
mod database;
mod endpoint;
mod error;
mod ids;
mod network;
mod operation;
mod outage;
mod pace;
mod paging;
mod project;
mod reply;
mod request;
mod retry;
mod role;
mod secrets;
mod settings;
mod shared;
mod transport;
mod turn;

#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod scripted_server;

pub use auth::Auth;
pub use branch::{Branch, BranchState};
pub use budget::{Budget, Ended};
pub use change::Pending;
pub use client::Client;
pub use client::roles::RoleCreation;
pub use connection_uri::{ConnectionUri, host_in_uri, is_pooler_host};
pub use database::ApiDatabase;
pub use endpoint::{Compute, Endpoint, EndpointKind, EndpointState};
pub use error::{Error, Kind, found};
pub use ids::{BranchId, EndpointId, InvalidId, OperationId, ProjectId};
pub use operation::{Operation, OperationStatus};
pub use project::{AllowedIps, Permission, Project};
pub use request::{Method, Request};
pub use role::ApiRole;
pub use settings::{ApiSettings, DEFAULT_BASE_URL};
pub use shared::Shared;
