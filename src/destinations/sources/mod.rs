//! Servers outside Neon that Neon subscribes to, reached by the `sql` block of the provider.

mod alloydb;
mod aurora;
mod azure;
mod cloud_sql;
mod facts;
mod postgresql;
mod rds;
mod supabase;

pub(crate) use facts::{Replication, Restart, Source};

/// All sources, sorted by id.
pub(crate) const ALL: &[&Source] = &[
    &alloydb::FACTS,
    &aurora::FACTS,
    &azure::FACTS,
    &cloud_sql::FACTS,
    &postgresql::FACTS,
    &rds::FACTS,
    &supabase::FACTS,
];
