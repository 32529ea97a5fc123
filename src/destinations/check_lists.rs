//! Lists of checks that several destinations share.

use super::facts::{Applies, error, info, warning};

/// What is looked at for every destination.
pub(super) const EVERY: &[Applies] = &[
    error("wal_level"),
    error("standby"),
    error("pooled_host"),
    error("role_login"),
    warning("publish_ops"),
    error("column_list_full"),
    error("unlogged_or_view"),
    info("future_tables"),
    error("slots_free"),
];

/// What the consumer's role must be and may read.
pub(super) const ROLE: &[Applies] =
    &[error("role_login"), error("role_replication"), error("role_usage"), error("role_select"), warning("role_rls")];

/// A slot that Terraform creates.
pub(super) const OWN_SLOT: &[Applies] =
    &[error("slot_absent"), error("slot_plugin"), error("slot_database"), error("slot_lost"), error("slot_order")];

/// Airbyte, whatever it loads into.
pub(super) const AIRBYTE: &[Applies] = &[
    error("publication_absent"),
    error("table_not_published"),
    warning("publication_all_tables"),
    error("identity_none"),
    warning("primary_key"),
    info("toast"),
    warning("slot_active"),
    warning("heartbeat"),
    info("wal_sender_timeout"),
    warning("idle_slot_timeout"),
    warning("ip_allow"),
];

/// `PeerDB`'s engine, which `ClickPipes` runs.
pub(super) const PEERDB: &[Applies] = &[
    error("publication_absent"),
    error("table_not_published"),
    warning("publication_all_tables"),
    warning("partition_root"),
    error("identity_none"),
    error("wal_senders_free"),
    error("slot_unwanted"),
    error("slot_absent"),
    error("slot_lost"),
    warning("long_transaction"),
    info("max_slot_wal"),
    info("generated_columns"),
    info("wal_sender_timeout"),
    warning("ip_allow"),
];

/// Debezium, alone or as a managed connector.
pub(super) const DEBEZIUM: &[Applies] = &[
    error("publication_absent"),
    warning("publication_all_tables"),
    info("partition_root"),
    error("identity_none"),
    warning("slot_active"),
    warning("heartbeat"),
    info("wal_sender_timeout"),
    warning("long_transaction"),
    warning("ip_allow"),
];

/// A subscription of another Postgres: the publisher's side.
pub(super) const PUBLISHER: &[Applies] =
    &[error("publication_absent"), error("identity_none"), error("wal_senders_free"), info("wal_sender_timeout")];

/// A subscription of another Postgres: the subscriber's side.
pub(super) const SUBSCRIBER: &[Applies] = &[
    error("target_table_missing"),
    error("target_columns_missing"),
    warning("target_not_empty"),
    error("may_subscribe"),
    error("same_branch"),
    warning("workers"),
    info("sequences"),
];

/// A server outside Neon that Neon subscribes to.
pub(super) const SOURCE: &[Applies] = &[
    info("platform"),
    error("rds_replication"),
    error("source_pooled"),
    error("source_ipv6_only"),
    warning("max_slot_wal"),
    info("extension_tables"),
    info("version_gap"),
];
