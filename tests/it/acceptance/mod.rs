//! Stories that a user lives through, on the real CLI.

mod databricks_guide;
mod neon_cli;
mod publication;
mod publication_before_slot;
mod replica_identity;
mod slot;
