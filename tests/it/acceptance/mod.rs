//! Stories that a user lives through, on the real CLI.

mod adding_logical_replication;
mod connection;
mod create_before_destroy;
mod databricks_guide;
mod ephemeral;
mod faults_of_the_api;
mod functions;
mod grant;
mod guides;
mod hostile_names;
mod import;
mod interrupted;
mod logical_replication;
mod neon_cli;
mod parallel;
mod partitions;
mod publication;
mod publication_before_slot;
mod readiness;
mod replica_identity;
mod role;
mod secrets;
mod slot;
mod state_survives;
mod unknown_provider;
mod whole;
