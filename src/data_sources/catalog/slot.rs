//! A slot as `pg_replication_slots` has it at the moment.

use serde::{Deserialize, Serialize};
use tfplugin::schema::{Attribute, boolean, number, object_of, string};
use tfplugin::{Attr, Type};

use crate::postgres::slot::{Consumer as FoundConsumer, Slot as FoundSlot};
use crate::postgres::{DatabaseName, SlotName};
use crate::target::{Database, SlotId};

/// The figures of one slot. One that the server's version does not have is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slot {
    pub(crate) id: Attr<SlotId>,
    pub(crate) name: Attr<SlotName>,
    pub(crate) plugin: Attr<String>,
    pub(crate) temporary: Attr<bool>,
    pub(crate) active: Attr<bool>,
    pub(crate) active_pid: Attr<i32>,
    pub(crate) catalog_xmin: Attr<String>,
    pub(crate) restart_lsn: Attr<String>,
    pub(crate) confirmed_flush_lsn: Attr<String>,
    pub(crate) wal_status: Attr<String>,
    pub(crate) safe_wal_size: Attr<i64>,
    pub(crate) retained_wal_bytes: Attr<i64>,
    pub(crate) two_phase: Attr<bool>,
    pub(crate) two_phase_at: Attr<String>,
    pub(crate) conflicting: Attr<bool>,
    pub(crate) invalidation_reason: Attr<String>,
    pub(crate) inactive_since: Attr<String>,
    pub(crate) failover: Attr<bool>,
    pub(crate) synced: Attr<bool>,
    pub(crate) consumer: Attr<Consumer>,
}

/// Who is connected to a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consumer {
    pid: Attr<i32>,
    role: Attr<String>,
    application_name: Attr<String>,
    client_address: Attr<String>,
}

impl Slot {
    /// The attributes, except the name, which one slot takes and a list gives.
    pub(crate) fn attributes() -> Vec<(&'static str, Attribute)> {
        let text = |doc: &str| string().computed().doc(doc);
        let flag = |doc: &str| boolean().computed().doc(doc);
        let figure = |doc: &str| number().computed().doc(doc);
        vec![
            ("id", text("`project/branch/database/name`: the ID that a `neonrep_slot` of this slot has.")),
            ("plugin", text("Output plugin, such as `pgoutput`.")),
            ("temporary", flag("Whether the slot is dropped when the session that created it ends.")),
            ("active", flag("Whether a consumer is connected.")),
            ("active_pid", figure("Process ID of the session that uses the slot. Null if there is none.")),
            ("catalog_xmin", text("Oldest transaction whose catalog rows the slot keeps.")),
            ("restart_lsn", text("The slot keeps write-ahead log from this position on.")),
            (
                "confirmed_flush_lsn",
                text(
                    "The consumer has confirmed all changes before this position. Null while the slot is being created.",
                ),
            ),
            ("wal_status", text("`reserved`, `extended`, `unreserved` or `lost`.")),
            (
                "safe_wal_size",
                figure(
                    "Bytes of write-ahead log that can still be written before the slot is at risk. Null without a limit.",
                ),
            ),
            (
                "retained_wal_bytes",
                figure(
                    "Bytes of write-ahead log that the slot keeps: from `restart_lsn` to the end of the log. Null if the slot is lost.",
                ),
            ),
            ("two_phase", flag("Whether prepared transactions are decoded when they are prepared.")),
            ("two_phase_at", text("Position from which prepared transactions are decoded so (Postgres 18 and later).")),
            (
                "conflicting",
                flag("Whether the slot was invalidated by a conflict with recovery (Postgres 16 and later)."),
            ),
            (
                "invalidation_reason",
                text("Why the slot was invalidated (Postgres 17 and later). Null for a usable slot."),
            ),
            (
                "inactive_since",
                text("Time since which no consumer is connected, in the form of RFC 3339 (Postgres 17 and later)."),
            ),
            ("failover", flag("Whether the slot is synchronized to standbys (Postgres 17 and later).")),
            ("synced", flag("Whether the slot is a copy on a standby (Postgres 17 and later).")),
            (
                "consumer",
                object_of([
                    ("pid", Type::Number),
                    ("role", Type::String),
                    ("application_name", Type::String),
                    ("client_address", Type::String),
                ])
                .computed()
                .doc("Session that uses the slot. Null if there is none. What the reading role may not see is null."),
            ),
        ]
    }

    /// The attributes of an element of a list.
    pub(crate) fn element() -> Vec<(&'static str, Attribute)> {
        let mut all = Self::attributes();
        all.push(("name", string().computed()));
        all
    }

    pub(crate) fn of(at: &Database, found: &FoundSlot, consumer: Option<&FoundConsumer>) -> Self {
        Self {
            id: SlotId { database: at.clone(), name: found.name.clone() }.into(),
            name: found.name.clone().into(),
            plugin: found.plugin.clone().into(),
            temporary: found.temporary.into(),
            active: found.active.into(),
            active_pid: found.active_pid.into(),
            catalog_xmin: found.catalog_xmin.clone().into(),
            restart_lsn: found.restart_lsn.clone().into(),
            confirmed_flush_lsn: found.confirmed_flush_lsn.clone().into(),
            wal_status: found.wal_status.clone().into(),
            safe_wal_size: found.safe_wal_size.into(),
            retained_wal_bytes: found.retained_wal_bytes.into(),
            two_phase: found.two_phase.into(),
            two_phase_at: found.two_phase_at.clone().into(),
            conflicting: found.conflicting.into(),
            invalidation_reason: found.invalidation_reason.clone().into(),
            inactive_since: found.inactive_since.clone().into(),
            failover: found.failover.into(),
            synced: found.synced.into(),
            consumer: consumer.map(Consumer::of).into(),
        }
    }
}

impl Consumer {
    fn of(found: &FoundConsumer) -> Self {
        Self {
            pid: found.pid.into(),
            role: found.user.clone().into(),
            application_name: found.application.clone().into(),
            client_address: found.client.clone().into(),
        }
    }
}

/// Whether a slot, whose name is unique on its server, belongs to that database.
pub(crate) fn is_of(found: &FoundSlot, database: &DatabaseName) -> bool {
    found.database.as_ref() == Some(database)
}
