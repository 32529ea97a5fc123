//! Neon's HTTP API, version 2, as far as replication needs it. No Terraform words.
//!
//! In reading order, each file using only those before it:
//!
//! - `ids`, `request` (a call as a value), `error`, `budget` (the caller's time);
//! - `retry`, `pace`, `reply`, `network`, `outage`, `secrets`, `settings`: what `transport` needs to send a call;
//! - the nouns, a value and its requests each: `auth`, `ip_range` and `allowed_ips`, `project`, `branch`, `endpoint`, `database`, `role`, `connection_uri`,
//!   `operation`; `paging` for lists;
//! - `turn` and `change`: a change of a project and its operations;
//! - `cache` (what reads share), `client`, `shared` (the client as reads use it).
//!
//! Facts come from Neon's API document (in the npm package `@neondatabase/api-client`), from neon.com/docs, and from the
//! npm packages `@neon/sdk` and `neon`. No body is ever logged, and no error repeats a body that may hold a password.

mod allowed_ips;
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
mod ip_range;
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

pub(crate) use allowed_ips::{AllowedIps, Edit};
pub(crate) use branch::{Branch, BranchState};
pub(crate) use budget::{Budget, Ended};
pub(crate) use client::Client;
pub(crate) use client::roles::RoleCreation;
pub(crate) use connection_uri::{ConnectionUri, host_in_uri, is_pooler_host};
pub(crate) use database::ApiDatabase;
pub(crate) use endpoint::Endpoint;
pub(crate) use error::{Error, Kind};
pub(crate) use ids::{BranchId, ProjectId};
pub(crate) use ip_range::IpRange;
pub(crate) use project::{Permission, Project};
pub(crate) use role::ApiRole;
pub(crate) use settings::{ApiSettings, DEFAULT_BASE_URL};
