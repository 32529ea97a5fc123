//! One Postgres server, 14 to 18: its objects as values, the statements that make and change them, and connections.
//!
//! No Terraform words and nothing of Neon's API. Per object one file: the value, pure functions that yield statements
//! (`create`, `alter`, `drop`), `read` by name and `read_all` for a snapshot of the family. Only `connection` talks.

pub(crate) mod acl;
pub(crate) mod advisory_lock;
pub(crate) mod alone;
mod attempt;
mod authentication;
pub(crate) mod blocker;
mod changes;
mod connecting;
pub(crate) mod connection;
pub(crate) mod conninfo;
pub(crate) mod database;
pub(crate) mod error;
mod error_kind;
pub(crate) mod generated_password;
pub(crate) mod grant;
pub(crate) mod identity;
mod key_columns;
pub(crate) mod marks;
pub(crate) mod membership;
pub(crate) mod names;
pub(crate) mod neon_proxy;
mod pipeline;
pub(crate) mod pool;
pub(crate) mod privilege;
pub(crate) mod publication;
pub(crate) mod publisher;
pub(crate) mod readiness;
pub(crate) mod replica_identity;
mod replication;
pub(crate) mod role;
pub(crate) mod role_change;
pub(crate) mod role_settings;
pub(crate) mod row;
pub(crate) mod savepoint;
pub(crate) mod session;
pub(crate) mod session_settings;
pub(crate) mod settings;
pub(crate) mod signal_table;
pub(crate) mod slot;
pub(crate) mod slot_creation;
pub(crate) mod sql;
pub(crate) mod subscription;
pub(crate) mod table;
pub(crate) mod tls;
pub(crate) mod transaction;
pub(crate) mod version;
pub(crate) mod walsender;

pub(crate) use authentication::Passwords;
pub(crate) use changes::Changes;
pub(crate) use connection::{Address, Connection};
pub(crate) use error::{Error, Kind, Result};
pub(crate) use names::{
    ColumnName, DatabaseName, IndexName, PublicationName, Relation, RoleName, SchemaName, SlotName, SubscriptionName,
    TableName,
};
pub(crate) use pool::{Pool, PoolSettings, Usage};
pub(crate) use session::Session;
pub(crate) use sql::Statement;
pub(crate) use tls::{Roots, Tls};
pub(crate) use transaction::{Stop, Tx};
pub(crate) use version::ServerVersion;

#[cfg(test)]
mod on_servers;
