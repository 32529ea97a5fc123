//! One Postgres server, 14 to 18: its objects as values, the statements that make and change them, and connections.
//!
//! No Terraform words and nothing of Neon's API. Per object one file: the value, pure functions that yield statements
//! (`create`, `alter`, `drop`), `read` by name and `read_all` for a snapshot of the family. Only `connection` talks.

pub mod acl;
pub mod advisory_lock;
mod attempt;
mod authentication;
pub mod blocker;
mod connecting;
pub mod connection;
pub mod database;
pub mod error;
mod error_kind;
pub mod generated_password;
pub mod grant;
pub mod identity;
mod key_columns;
pub mod marks;
pub mod membership;
pub mod names;
pub mod neon_proxy;
pub mod pool;
pub mod privilege;
pub mod publication;
pub mod publisher;
pub mod readiness;
pub mod replica_identity;
mod replication;
pub mod role;
pub mod role_change;
pub mod role_settings;
pub mod row;
pub mod savepoint;
pub mod session;
pub mod session_settings;
pub mod settings;
pub mod slot;
pub mod slot_creation;
pub mod sql;
pub mod table;
pub mod tls;
pub mod transaction;
pub mod version;
pub mod walsender;

pub use attempt::Locks;
pub use connection::{Address, Connection, Notice, Passwords};
pub use error::{Error, Kind, Result};
pub use names::{
    ColumnName, DatabaseName, IndexName, InvalidName, PublicationName, Relation, RoleName, SchemaName, SlotName,
    TableName,
};
pub use pool::{Pool, PoolSettings, Usage};
pub use row::{Param, Row};
pub use session::Session;
pub use sql::Statement;
pub use tls::{RootCertificates, Roots, Tls};
pub use transaction::{Stop, Tx};
pub use version::ServerVersion;
