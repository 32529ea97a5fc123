//! Neon's HTTP API, version 2, as far as replication needs it: calls as values, one client, no Terraform words.
//!
//! Reading order: `ids`, `request` (a call as a value), the nouns (`project`, `branch`, `endpoint`, `database`, `role`,
//! `connection_uri`, `auth`), `client` (sends), `retry` (when again), `change` and `operations` (what a change takes), `cache`.
//! Facts are from `neon.md` A and `neon-2026-09.md`. No body is ever logged and no error repeats one that may hold a password.

mod auth;
mod branch;
mod cache;
mod change;
mod client;
mod connection_uri;
mod database;
mod endpoint;
mod error;
mod ids;
mod operations;
mod project;
mod reply;
mod request;
mod retry;
mod role;

#[cfg(test)]
mod exchange_tests;
#[cfg(test)]
mod scripted_server;

pub use auth::Auth;
pub use branch::{Branch, State as BranchState};
pub use cache::Shared;
pub use change::Pending;
pub use client::{Client, DEFAULT_BASE_URL, Settings};
pub use connection_uri::{ConnectionUri, is_pooler_host};
pub use database::Database;
pub use endpoint::{Endpoint, EndpointKind, EndpointState};
pub use error::{Error, Kind, found};
pub use ids::{BranchId, EndpointId, InvalidId, OperationId, ProjectId};
pub use operations::{Operation, Status as OperationStatus};
pub use project::{Permission, Project};
pub use request::{Method, Request};
pub use retry::{Budget, Ended};
pub use role::{Role, RoleCreation};
