//! Replication slots: what a consumer has not received yet is kept for it. Names are unique in the whole cluster.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::error::{Error, Kind as ErrorKind, Result};
use super::names::{DatabaseName, SlotName};
use super::row::{Param, Row};
use super::sql::Statement;
use crate::sql;

/// What a slot keeps changes as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Decoded by a plugin, of one database.
    Logical,
    /// Raw WAL of the cluster, such as Neon's own slot.
    Physical,
}

/// A slot as the server has it (`pg_replication_slots`). Figures that only some versions have are `None` on the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) name: SlotName,
    /// Logical or physical.
    pub(crate) kind: Kind,
    /// Output plugin; only logical ones have it.
    pub(crate) plugin: Option<String>,
    /// Its database, as it is called now; only logical ones have it.
    pub(crate) database: Option<DatabaseName>,
    /// OID of that database: it stays when the database is renamed.
    pub(crate) database_oid: Option<u32>,
    /// Dropped with the session that made it.
    pub(crate) temporary: bool,
    /// A consumer is connected, or it is being made.
    pub(crate) active: bool,
    /// Process of that consumer.
    pub(crate) active_pid: Option<i32>,
    /// Oldest transaction whose catalog rows it keeps; none while it is being made.
    pub(crate) catalog_xmin: Option<String>,
    /// WAL is kept from here on.
    pub(crate) restart_lsn: Option<String>,
    /// The consumer has confirmed all before; none while it is being made.
    pub(crate) confirmed_flush_lsn: Option<String>,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub(crate) wal_status: Option<String>,
    /// Bytes of WAL that may still be written before it is lost; none if there is no limit.
    pub(crate) safe_wal_size: Option<i64>,
    /// Bytes of WAL that it keeps.
    pub(crate) retained_wal_bytes: Option<i64>,
    /// Prepared transactions are decoded when they are prepared.
    pub(crate) two_phase: bool,
    /// From where on they are (18+), if they are.
    pub(crate) two_phase_at: Option<String>,
    /// Invalidated by a conflict with recovery (16+).
    pub(crate) conflicting: Option<bool>,
    /// Why it was invalidated (17+).
    pub(crate) invalidation_reason: Option<String>,
    /// Since when no consumer is connected (17+), as the server prints it.
    pub(crate) inactive_since: Option<String>,
    /// Copied to standbys (17+).
    pub(crate) failover: Option<bool>,
    /// A copy on a standby (17+).
    pub(crate) synced: Option<bool>,
}

impl Slot {
    /// Whether what the consumer had not received is gone, so that it needs a new initial sync. `wal_status` may go back from `lost` for a while,
    /// so the reason counts too.
    pub(crate) fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost")
            || self.invalidation_reason.is_some()
            || self.conflicting == Some(true)
    }

    /// Whether it is still being made: it waits for open transactions and vanishes if that ends.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.kind == Kind::Logical && self.confirmed_flush_lsn.is_none()
    }

    /// Whether it is a lasting logical slot of that database and plugin; another of the same name is somebody else's.
    pub(crate) fn is(&self, database: &DatabaseName, plugin: &str) -> bool {
        self.kind == Kind::Logical
            && !self.temporary
            && self.database.as_ref() == Some(database)
            && self.plugin.as_deref() == Some(plugin)
    }
}

/// Which slot of a name is meant: another of the same name is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identified<'a> {
    pub(crate) plugin: &'a str,
    /// Oid of its database; `None` for the connected one. A slot can be seen, and dropped, from every database.
    pub(crate) database: Option<u32>,
}

// Columns came with the versions; of a row as JSON one may ask for any.
macro_rules! select_slots {
    ($which:literal) => {
        concat!(
            "
SELECT s.slot_name::text AS name, s.slot_type = 'logical' AS logical, s.plugin::text AS plugin, s.database::text AS database,
       s.datoid AS database_oid, s.temporary,
       s.active, s.active_pid, s.catalog_xmin::text AS catalog_xmin, s.restart_lsn::text AS restart_lsn,
       s.confirmed_flush_lsn::text AS confirmed_flush_lsn, s.wal_status, s.safe_wal_size,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn)::int8
           AS retained_wal_bytes,
       coalesce((to_jsonb(s) ->> 'two_phase')::bool, false) AS two_phase, to_jsonb(s) ->> 'two_phase_at' AS two_phase_at,
       (to_jsonb(s) ->> 'conflicting')::bool AS conflicting,
       to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason, to_jsonb(s) ->> 'inactive_since' AS inactive_since,
       (to_jsonb(s) ->> 'failover')::bool AS failover, (to_jsonb(s) ->> 'synced')::bool AS synced
FROM pg_replication_slots s
WHERE ",
            $which,
            "
ORDER BY s.slot_name"
        )
    };
}

const READ: &str = select_slots!("s.slot_name = $1");
const READ_ALL: &str = select_slots!("s.slot_type = 'logical'");

/// Reads one of whatever kind and database, since they share one space of names; `None` if the cluster has none of that name.
pub(crate) async fn read(connection: &Connection, name: &SlotName) -> Result<Option<Slot>> {
    connection.fetch_optional(READ, &[Param::Text(name.as_str())]).await?.as_ref().map(from_row).transpose()
}

/// Reads all logical ones of the cluster.
pub(crate) async fn read_all(connection: &Connection) -> Result<BTreeMap<SlotName, Slot>> {
    let rows = connection.fetch(READ_ALL, &[]).await?;
    rows.iter().map(|row| from_row(row).map(|slot| (slot.name.clone(), slot))).collect()
}

fn from_row(row: &Row) -> Result<Slot> {
    Ok(Slot {
        name: row.parse("name", SlotName::parse)?,
        kind: if row.get("logical")? { Kind::Logical } else { Kind::Physical },
        plugin: row.get("plugin")?,
        database: row.parse_optional("database", DatabaseName::parse)?,
        database_oid: row.get("database_oid")?,
        temporary: row.get("temporary")?,
        active: row.get("active")?,
        active_pid: row.get("active_pid")?,
        catalog_xmin: row.get("catalog_xmin")?,
        restart_lsn: row.get("restart_lsn")?,
        confirmed_flush_lsn: row.get("confirmed_flush_lsn")?,
        wal_status: row.get("wal_status")?,
        safe_wal_size: row.get("safe_wal_size")?,
        retained_wal_bytes: row.get("retained_wal_bytes")?,
        two_phase: row.get("two_phase")?,
        two_phase_at: row.get("two_phase_at")?,
        conflicting: row.get("conflicting")?,
        invalidation_reason: row.get("invalidation_reason")?,
        inactive_since: row.get("inactive_since")?,
        failover: row.get("failover")?,
        synced: row.get("synced")?,
    })
}

/// Slots in use and how many there may be; physical ones count, so on Neon one is always taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// In use, of both kinds.
    pub(crate) used: usize,
    /// `max_replication_slots`
    pub(crate) max: usize,
}

pub(crate) async fn capacity(connection: &Connection) -> Result<Capacity> {
    const CAPACITY: &str = "
SELECT count(*)::int4 AS used, current_setting('max_replication_slots')::int4 AS max FROM pg_replication_slots";
    let row = connection.fetch_one(CAPACITY, &[]).await?;
    let count = |column| Ok(usize::try_from(row.get::<i32>(column)?).unwrap_or_default());
    Ok(Capacity { used: count("used")?, max: count("max")? })
}

/// Whether the publication of that oid is proved to be older than the slot, so that nothing the slot keeps precedes it. `false` proves
/// nothing: it is wrong after another slot, an open writer or ALTER PUBLICATION (tried). Also `false` if one of both is not there.
pub(crate) async fn is_publication_proved_older(
    connection: &Connection,
    publication: u32,
    slot: &SlotName,
) -> Result<bool> {
    const PROVED: &str = "
SELECT age(p.xmin) > age(s.catalog_xmin) AS proved
FROM pg_publication p, pg_replication_slots s
WHERE p.oid = $1 AND s.slot_name = $2 AND s.database = current_database()";
    let row = connection.fetch_optional(PROVED, &[Param::Oid(publication), Param::Text(slot.as_str())]).await?;
    Ok(row.map(|row| row.get::<Option<bool>>("proved")).transpose()?.flatten().unwrap_or(false))
}

/// Who uses a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    /// Its process on the server.
    pub(crate) pid: i32,
    /// Its role, if it is still there.
    pub(crate) user: Option<String>,
    /// What it calls itself.
    pub(crate) application: Option<String>,
    /// Its address, where it can be read.
    pub(crate) client: Option<String>,
}

impl std::fmt::Display for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid)?;
        if let Some(user) = &self.user {
            write!(f, " of role `{user}`")?;
        }
        if let Some(application) = self.application.as_deref().filter(|it| !it.is_empty()) {
            write!(f, ", application `{application}`")?;
        }
        match &self.client {
            Some(client) => write!(f, ", client {client}"),
            None => Ok(()),
        }
    }
}

/// Reads who uses that slot; `None` if nobody does.
pub(crate) async fn consumer(connection: &Connection, name: &SlotName) -> Result<Option<Consumer>> {
    const CONSUMER: &str = "
SELECT s.active_pid AS pid, a.usename::text AS owner, a.application_name AS application, host(a.client_addr) AS client
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = $1 AND s.active_pid IS NOT NULL";
    let row = connection.fetch_optional(CONSUMER, &[Param::Text(name.as_str())]).await?;
    row.as_ref().map(consumer_of).transpose()
}

/// Reads who uses the logical slots of the cluster; slots without a consumer are left out.
pub(crate) async fn consumers(connection: &Connection) -> Result<BTreeMap<SlotName, Consumer>> {
    const CONSUMERS: &str = "
SELECT s.slot_name::text AS name, s.active_pid AS pid, a.usename::text AS owner, a.application_name AS application,
       host(a.client_addr) AS client
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_type = 'logical' AND s.active_pid IS NOT NULL";
    let rows = connection.fetch(CONSUMERS, &[]).await?;
    rows.iter().map(|row| Ok((row.parse("name", SlotName::parse)?, consumer_of(row)?))).collect()
}

fn consumer_of(row: &Row) -> Result<Consumer> {
    Ok(Consumer {
        pid: row.get("pid")?,
        user: row.get("owner")?,
        application: row.get("application")?,
        client: row.get("client")?,
    })
}

/// Ends the process that uses the slot, if there is one. Error: `InsufficientPrivilege`, if it is of a role that this one may not end.
pub(crate) async fn terminate_consumer(connection: &Connection, name: &SlotName) -> Result<bool> {
    // By the slot, not by a pid read before, which may be another process by now.
    const TERMINATE: &str = "
SELECT pg_terminate_backend(s.active_pid) AS done FROM pg_replication_slots s WHERE s.slot_name = $1 AND s.active_pid IS NOT NULL";
    let row = connection.fetch_optional(TERMINATE, &[Param::Text(name.as_str())]).await?;
    row.map_or(Ok(false), |row| row.get("done"))
}

/// Drops the slot if it is the one that is meant; `false` if there is none. Error: `ObjectInUse` while a consumer is connected.
pub(crate) async fn drop(connection: &Connection, name: &SlotName, which: Identified<'_>) -> Result<bool> {
    const DROP: &str = "
SELECT pg_drop_replication_slot(s.slot_name)
FROM pg_replication_slots s
WHERE s.slot_name = $1 AND s.slot_type = 'logical' AND NOT s.temporary AND s.plugin = $2
      AND s.datoid = coalesce($3, (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let params = [Param::Text(name.as_str()), Param::Text(which.plugin), Param::OptionalOid(which.database)];
    match connection.fetch(DROP, &params).await {
        Ok(rows) => Ok(!rows.is_empty()),
        // Somebody else was quicker.
        Err(error) if error.kind() == ErrorKind::UndefinedObject => Ok(false),
        Err(error) => Err(error),
    }
}

/// The major version that brought `failover`.
pub(crate) const FAILOVER_SINCE: u32 = 17;

/// The command that changes `failover` (17+). It waits while the slot has a consumer.
pub(crate) fn set_failover(name: &SlotName, failover: bool) -> Statement {
    if failover {
        sql!("ALTER_REPLICATION_SLOT {} (FAILOVER true)", name)
    } else {
        sql!("ALTER_REPLICATION_SLOT {} (FAILOVER false)", name)
    }
}

/// A slot to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewSlot {
    pub(crate) name: SlotName,
    /// Output plugin, such as `pgoutput`.
    pub(crate) plugin: String,
    /// Decode prepared transactions when they are prepared.
    pub(crate) two_phase: bool,
    /// Copy it to standbys (17+).
    pub(crate) failover: bool,
}

/// Runs the function that makes it. Waits for every open write transaction; no transaction around it takes it back. Used by
/// [`slot_creation`](super::slot_creation), which bounds it.
pub(super) async fn call(connection: &Connection, slot: &NewSlot) -> Result<()> {
    const CREATE: &str = "
SELECT pg_create_logical_replication_slot(slot_name => $1::name, plugin => $2::name, temporary => false, twophase => $3)::text AS made";
    const CREATE_17: &str = "
SELECT pg_create_logical_replication_slot(slot_name => $1::name, plugin => $2::name, temporary => false, twophase => $3,
                                          failover => true)::text AS made";
    if slot.failover && !connection.version().has_slot_failover() {
        return Err(Error::new(ErrorKind::NotUnderstood, "failover slots need PostgreSQL 17 or newer"));
    }
    let query = if slot.failover { CREATE_17 } else { CREATE };
    let params = [Param::Text(slot.name.as_str()), Param::Text(&slot.plugin), Param::Bool(slot.two_phase)];
    connection.fetch_one(query, &params).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            name: SlotName::parse("s").unwrap(),
            kind: Kind::Logical,
            plugin: Some("pgoutput".into()),
            database: Some(DatabaseName::parse("d").unwrap()),
            database_oid: Some(16_384),
            temporary: false,
            active: false,
            active_pid: None,
            catalog_xmin: Some("700".into()),
            restart_lsn: Some("0/1".into()),
            confirmed_flush_lsn: Some("0/1".into()),
            wal_status: Some("reserved".into()),
            safe_wal_size: None,
            retained_wal_bytes: Some(0),
            two_phase: false,
            two_phase_at: None,
            conflicting: None,
            invalidation_reason: None,
            inactive_since: None,
            failover: None,
            synced: None,
        }
    }

    #[test]
    fn lost_is_what_cannot_come_back() {
        assert!(!slot().is_lost());
        assert!(!Slot { wal_status: Some("unreserved".into()), conflicting: Some(false), ..slot() }.is_lost());
        assert!(Slot { wal_status: Some("lost".into()), ..slot() }.is_lost());
        assert!(Slot { invalidation_reason: Some("wal_removed".into()), ..slot() }.is_lost());
        assert!(Slot { conflicting: Some(true), ..slot() }.is_lost());
    }

    #[test]
    fn another_slot_of_the_name_is_somebody_elses() {
        let database = DatabaseName::parse("d").unwrap();
        assert!(slot().is(&database, "pgoutput"));
        assert!(!slot().is(&database, "wal2json"));
        assert!(!slot().is(&DatabaseName::parse("e").unwrap(), "pgoutput"));
        assert!(!Slot { kind: Kind::Physical, ..slot() }.is(&database, "pgoutput"));
        assert!(!Slot { temporary: true, ..slot() }.is(&database, "pgoutput"));
    }

    #[test]
    fn a_consumer_is_named() {
        let mut it = Consumer {
            pid: 9,
            user: Some("u".into()),
            application: Some("sub".into()),
            client: Some("192.0.2.1".into()),
        };
        assert_eq!(it.to_string(), "process 9 of role `u`, application `sub`, client 192.0.2.1");
        (it.user, it.application, it.client) = (None, None, None);
        assert_eq!(it.to_string(), "process 9");
    }
}
