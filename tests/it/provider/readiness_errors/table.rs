//! The errors, one row each.

/// One error: how it comes about, what is said of it, how it is cured, and what puts the server back. `{p}` and `{s}` are the names
/// of publication and slot; statements are separated by `; `, and one of another database begins with its name and `> `.
pub(super) struct Error {
    pub(super) check: &'static str,
    pub(super) provoke: &'static str,
    pub(super) object: &'static str,
    pub(super) remedy: &'static str,
    pub(super) cure: &'static str,
    /// What else has to be put back.
    pub(super) after: &'static str,
    /// What the data source is asked beyond the usual, while it is provoked and cured.
    pub(super) asked: &'static str,
}

const NONE: Error = Error { check: "", provoke: "", object: "", remedy: "", cure: "", after: "", asked: "{}" };

const RECREATED: &str =
    "SELECT pg_drop_replication_slot('{s}'); SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')";

pub(super) const ERRORS: &[Error] = &[
    Error {
        check: "role_login",
        provoke: "ALTER ROLE consumer NOLOGIN",
        object: "role consumer",
        remedy: "give it LOGIN",
        cure: "ALTER ROLE consumer LOGIN",
        ..NONE
    },
    Error {
        check: "role_replication",
        provoke: "ALTER ROLE consumer NOREPLICATION",
        object: "role consumer",
        remedy: "give it REPLICATION",
        cure: "ALTER ROLE consumer REPLICATION",
        ..NONE
    },
    Error {
        check: "role_usage",
        provoke: "REVOKE USAGE ON SCHEMA public FROM consumer, PUBLIC",
        object: "role consumer",
        remedy: "Add `public` to `schemas` of `neonrep_grant`",
        cure: "GRANT USAGE ON SCHEMA public TO consumer",
        after: "GRANT USAGE ON SCHEMA public TO PUBLIC",
        ..NONE
    },
    Error {
        check: "role_select",
        provoke: "REVOKE SELECT ON orders FROM consumer",
        object: "role consumer",
        remedy: "`neonrep_grant`, or the tables to `tables`",
        cure: "GRANT SELECT ON orders TO consumer",
        ..NONE
    },
    Error {
        check: "role_rls",
        provoke: "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        object: "table public.orders",
        remedy: "give it BYPASSRLS",
        cure: "ALTER ROLE consumer BYPASSRLS",
        after: "ALTER ROLE consumer NOBYPASSRLS; ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        ..NONE
    },
    Error {
        check: "publication_absent",
        provoke: "ALTER PUBLICATION {p} RENAME TO another",
        object: "publication {p}",
        remedy: "Create it with `neonrep_publication`",
        cure: "ALTER PUBLICATION another RENAME TO {p}",
        ..NONE
    },
    Error {
        check: "publication_empty",
        provoke: "ALTER PUBLICATION {p} DROP TABLE orders",
        object: "publication {p}",
        remedy: "Add the tables to `tables`",
        cure: "ALTER PUBLICATION {p} ADD TABLE orders",
        ..NONE
    },
    Error {
        check: "table_not_published",
        provoke: "ALTER PUBLICATION {p} DROP TABLE orders",
        object: "table public.orders",
        remedy: "Add it to `tables` of `neonrep_publication`",
        cure: "ALTER PUBLICATION {p} ADD TABLE orders",
        ..NONE
    },
    Error {
        check: "identity_none",
        provoke: "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
        object: "table public.orders",
        remedy: "`neonrep_replica_identity`",
        cure: "ALTER TABLE orders REPLICA IDENTITY FULL",
        after: "ALTER TABLE orders REPLICA IDENTITY DEFAULT; ALTER TABLE orders ADD PRIMARY KEY (id)",
        ..NONE
    },
    Error {
        check: "identity_full",
        provoke: "ALTER TABLE orders REPLICA IDENTITY DEFAULT",
        object: "table public.orders",
        remedy: "Set `mode = \"full\"`",
        cure: "ALTER TABLE orders REPLICA IDENTITY FULL",
        ..NONE
    },
    Error {
        check: "column_list_full",
        provoke: "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER PUBLICATION {p} DROP TABLE orders; \
                  ALTER PUBLICATION {p} ADD TABLE orders (id)",
        object: "table public.orders",
        remedy: "Take `columns` out",
        cure: "ALTER PUBLICATION {p} DROP TABLE orders; ALTER PUBLICATION {p} ADD TABLE orders",
        after: "ALTER TABLE orders REPLICA IDENTITY {identity}",
        ..NONE
    },
    Error {
        check: "unlogged_or_view",
        provoke: "ALTER PUBLICATION {p} DROP TABLE orders; ALTER TABLE orders SET UNLOGGED",
        object: "table public.orders",
        remedy: "Name the tables behind it",
        cure: "ALTER TABLE orders SET LOGGED; ALTER PUBLICATION {p} ADD TABLE orders",
        ..NONE
    },
    Error {
        check: "duplicate_names",
        provoke: "CREATE SCHEMA sales; GRANT USAGE ON SCHEMA sales TO consumer; CREATE TABLE sales.orders(id int PRIMARY KEY); \
                  GRANT SELECT ON sales.orders TO consumer; ALTER PUBLICATION {p} ADD TABLE sales.orders",
        object: "table public.orders",
        remedy: "Use two pipelines",
        cure: "ALTER PUBLICATION {p} DROP TABLE sales.orders",
        after: "DROP SCHEMA sales CASCADE",
        ..NONE
    },
    Error {
        check: "partition_root",
        provoke: "ALTER PUBLICATION {p} SET (publish_via_partition_root = false); \
                  CREATE TABLE logs(id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE logs_1 PARTITION OF logs DEFAULT; \
                  ALTER PUBLICATION {p} ADD TABLE logs",
        object: "table public.logs_1",
        remedy: "`publish_via_partition_root = true`",
        cure: "ALTER PUBLICATION {p} SET (publish_via_partition_root = true)",
        after: "DROP TABLE logs",
        ..NONE
    },
    Error {
        check: "slots_free",
        provoke: "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{s}'; \
                  SELECT pg_create_physical_replication_slot('filling_' || i) FROM generate_series(1, \
                  current_setting('max_replication_slots')::int - (SELECT count(*)::int FROM pg_replication_slots)) i",
        object: "server",
        remedy: "Drop slots that nobody uses",
        cure: "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'filling%'",
        after: "RESTORE SLOT",
        asked: r#"{"slot": null}"#,
    },
    Error {
        check: "slot_absent",
        provoke: "SELECT pg_drop_replication_slot('{s}')",
        object: "slot {s}",
        remedy: "Create it with `neonrep_slot`, after the publication",
        cure: "SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        ..NONE
    },
    Error {
        check: "slot_plugin",
        provoke: "SELECT pg_drop_replication_slot('{s}'); SELECT pg_create_logical_replication_slot('{s}', 'test_decoding')",
        object: "slot {s}",
        remedy: "Recreate it with `plugin = \"pgoutput\"`",
        cure: RECREATED,
        ..NONE
    },
    Error {
        check: "slot_database",
        provoke: "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{s}'; \
                  postgres> SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        object: "slot {s}",
        remedy: "Use another name for the slot of this database",
        cure: "postgres> SELECT pg_drop_replication_slot('{s}'); SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        after: "RESTORE SLOT",
        asked: r#"{"slot": "{s}"}"#,
    },
    Error {
        check: "slot_lost",
        provoke: "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'; SELECT pg_reload_conf(); SELECT pg_sleep(0.2); \
                  SELECT pg_switch_wal(); CREATE TABLE filler AS SELECT 1; SELECT pg_switch_wal(); DROP TABLE filler; SELECT pg_switch_wal(); \
                  CHECKPOINT; ALTER SYSTEM RESET max_slot_wal_keep_size; SELECT pg_reload_conf()",
        object: "slot {s}",
        remedy: "Recreate the slot (`terraform apply -replace`)",
        cure: RECREATED,
        ..NONE
    },
    Error {
        check: "slot_order",
        provoke: "ALTER PUBLICATION {p} RENAME TO another",
        object: "slot {s}",
        remedy: "Create the publication, then recreate the slot after it",
        cure: "ALTER PUBLICATION another RENAME TO {p}; SELECT pg_drop_replication_slot('{s}'); \
               SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        ..NONE
    },
    Error {
        check: "inngest_order",
        provoke: "ALTER PUBLICATION {p} RENAME TO another",
        object: "slot {s}",
        remedy: "Create the publication, then recreate the slot after it",
        cure: "ALTER PUBLICATION another RENAME TO {p}; SELECT pg_drop_replication_slot('{s}'); \
               SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        ..NONE
    },
    Error {
        check: "slot_unwanted",
        provoke: "SELECT pg_create_logical_replication_slot('{s}', 'pgoutput')",
        object: "slot {s}",
        remedy: "Remove the slot, or run it with `",
        cure: "SELECT pg_drop_replication_slot('{s}')",
        asked: r#"{"slot": "{s}"}"#,
        ..NONE
    },
    Error {
        check: "watermarks_table",
        provoke: "ALTER TABLE flow_watermarks RENAME watermark TO mark",
        object: "table public.flow_watermarks",
        remedy: "`neonrep_signal_table` (`shape = \"estuary_watermarks\"`)",
        cure: "ALTER TABLE flow_watermarks RENAME mark TO watermark",
        ..NONE
    },
    Error {
        check: "watermarks_write",
        provoke: "REVOKE INSERT ON flow_watermarks FROM consumer",
        object: "table public.flow_watermarks",
        remedy: "Add a second `neonrep_grant`",
        cure: "GRANT INSERT ON flow_watermarks TO consumer",
        ..NONE
    },
    Error {
        check: "watermarks_published",
        provoke: "ALTER PUBLICATION {p} DROP TABLE flow_watermarks",
        object: "table public.flow_watermarks",
        remedy: "Add it to `tables` of `neonrep_publication`",
        cure: "ALTER PUBLICATION {p} ADD TABLE flow_watermarks",
        ..NONE
    },
    Error {
        check: "target_table_missing",
        provoke: "target> ALTER TABLE orders RENAME TO archived",
        object: "subscriber's table public.orders",
        remedy: "Create it with the same columns",
        cure: "target> ALTER TABLE archived RENAME TO orders",
        ..NONE
    },
    Error {
        check: "target_columns_missing",
        provoke: "target> ALTER TABLE orders DROP note",
        object: "subscriber's table public.orders",
        remedy: "Add the columns there",
        cure: "target> ALTER TABLE orders ADD note text",
        ..NONE
    },
    Error {
        check: "may_subscribe",
        provoke: "REVOKE neon_superuser FROM neondb_owner",
        object: "subscriber",
        remedy: "as a member of that role",
        cure: "GRANT pg_create_subscription TO neondb_owner",
        after: "REVOKE pg_create_subscription FROM neondb_owner; GRANT neon_superuser TO neondb_owner",
        ..NONE
    },
    Error {
        check: "same_branch",
        provoke: "ASK",
        object: "subscriber",
        remedy: "set `create_slot = false`",
        cure: "ASK",
        asked: r#"{"options": {}}"#,
        ..NONE
    },
    Error {
        check: "rds_replication",
        provoke: "CREATE ROLE rds_replication; ALTER ROLE consumer NOREPLICATION",
        object: "role consumer",
        remedy: "Run `GRANT rds_replication TO \"consumer\"`",
        cure: "GRANT rds_replication TO consumer",
        after: "DROP ROLE rds_replication; ALTER ROLE consumer REPLICATION",
        ..NONE
    },
];
