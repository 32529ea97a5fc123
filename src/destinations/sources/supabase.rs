//! Supabase.

use super::facts::{Replication, Restart, Source};

/// Neon's guide `logical-replication-supabase-to-neon`; Supabase, *Manual replication setup*. Before Postgres 17 only the user
/// `postgres` may replicate.
pub(super) const FACTS: Source = Source {
    id: "supabase",
    name: "Supabase",
    parameters: &[],
    restart: Restart::NotNeeded,
    set_by: &["supabase_settings.network"],
    replication: Replication::Attribute,
    recognized_by: Some("supabase_admin"),
    reached: "The direct host, not a pooler, with the IPv4 add-on: Neon reaches IPv4 only.",
    own_schemas: &["auth", "storage", "cron"],
};
