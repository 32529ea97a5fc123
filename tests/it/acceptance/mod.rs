//! Stories that a user lives through, on the real CLI.

mod connection;
mod databricks_guide;
mod grant;
mod logical_replication;
mod neon_cli;
mod publication;
mod publication_before_slot;
mod replica_identity;
mod role;
mod slot;
mod whole;
