//! Estuary Flow: it drops and recreates its slot whenever a capture starts without a cursor, and needs a publication with its watermarks table.

use super::check_lists::{EVERY, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    Written, error, warning,
};

/// `estuary/connectors`, `source-postgres/{main,prerequisites,replication,discovery}.go`.
pub(super) const FACTS: Destination = Destination {
    id: "estuary",
    name: "Estuary Flow",
    row: "Estuary Flow",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("flow_publication"),
        forms: &[Form::Tables],
        via_root: ViaRoot::Advised,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Free("flow_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(10), newest: None },
    privileges: &["SELECT"],
    writes: Some(Written {
        table: ("public", "flow_watermarks"),
        shape: "estuary_watermarks",
        columns: &["slot", "watermark"],
        privileges: &["SELECT", "INSERT", "UPDATE"],
    }),
    identity: Identity::Usable,
    heartbeat: Heartbeat::Table,
    at_deletion: AtDeletion::Unconfirmed,
    checks: &[
        EVERY,
        ROLE,
        &[
            error("publication_absent"),
            warning("publication_not_owned"),
            error("table_not_published"),
            error("watermarks_table"),
            error("watermarks_write"),
            error("watermarks_published"),
            error("slot_database"),
            warning("slot_lost"),
            warning("slot_active"),
            warning("long_transaction"),
            warning("partition_root"),
            warning("ip_allow"),
        ],
    ],
};
