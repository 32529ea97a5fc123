//! What a running server is asked as time passes, and how a slot comes to be lost.

use anyhow::{Context, Result, bail};
use tokio_postgres::Client;

use super::admin::literal;

/// How often WAL is switched until a slot is lost.
const SWITCHES: u32 = 20;

/// Whether something keeps the compute awake: a statement, a consumer, a subscription
/// (`compute_tools/src/monitor.rs` of <https://github.com/neondatabase/neon>).
pub(crate) async fn is_busy(client: &Client) -> Result<bool> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
                 AND usename <> 'cloud_admin' AND state <> 'idle') \
             OR EXISTS (SELECT FROM pg_catalog.pg_stat_replication WHERE application_name <> 'walproposer') \
             OR EXISTS (SELECT FROM pg_catalog.pg_stat_subscription WHERE pid IS NOT NULL)",
            &[],
        )
        .await?;
    Ok(row.get(0))
}

/// Logical slots that nobody reads, with what their consumer has confirmed.
pub(crate) async fn idle_slots(client: &Client) -> Result<Vec<(String, String)>> {
    let rows = client
        .query(
            "SELECT slot_name::text, coalesce(confirmed_flush_lsn::text, '') FROM pg_catalog.pg_replication_slots \
             WHERE slot_type = 'logical' AND NOT active AND NOT temporary",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Drops a slot, unless somebody has come to read it.
pub(crate) async fn drop_slot(client: &Client, name: &str) -> Result<()> {
    client
        .execute(
            "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots \
             WHERE slot_name = $1::text AND NOT active",
            &[&name],
        )
        .await?;
    Ok(())
}

/// Changes settings that a running server takes up; null resets one.
pub(crate) async fn set(client: &Client, name: &str, value: Option<&str>) -> Result<()> {
    let name = super::admin::identifier(name);
    let statement = match value {
        Some(value) => format!("ALTER SYSTEM SET {name} = {}", literal(value)),
        None => format!("ALTER SYSTEM RESET {name}"),
    };
    client.batch_execute(&statement).await.with_context(|| statement.clone())?;
    client.batch_execute("SELECT pg_catalog.pg_reload_conf()").await?;
    Ok(())
}

/// Writes until the server has removed what the slot needs: `wal_status` is `lost`. Other idle slots go the same way.
pub(crate) async fn lose_slot(client: &Client, name: &str) -> Result<()> {
    set(client, "max_slot_wal_keep_size", Some("1MB")).await?;
    let lost = write_until_lost(client, name).await;
    set(client, "max_slot_wal_keep_size", None).await?;
    lost
}

async fn write_until_lost(client: &Client, name: &str) -> Result<()> {
    for _ in 0..SWITCHES {
        let row = client
            .query_opt(
                "SELECT wal_status::text FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::text",
                &[&name],
            )
            .await?;
        match row.map(|row| row.get::<_, Option<String>>(0)) {
            None => bail!("there is no slot `{name}`"),
            Some(Some(status)) if status == "lost" => return Ok(()),
            Some(_) => {}
        }
        client
            .batch_execute(
                "SELECT pg_catalog.pg_logical_emit_message(false, 'stand-in', 'x'), pg_catalog.pg_switch_wal();
                 CHECKPOINT",
            )
            .await?;
    }
    bail!("slot `{name}` is not lost")
}
