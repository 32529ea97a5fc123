//! ClickHouse Cloud's `ClickPipes` for Postgres: it creates its slot, and reads a publication of its user.

use super::check_lists::{EVERY, PEERDB, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
};

/// The engine of `PeerDB`, and `clickhouse_clickpipe` of `ClickHouse/terraform-provider-clickhouse`.
pub(super) const FACTS: Destination = Destination {
    id: "clickpipes",
    name: "ClickHouse (ClickPipes)",
    row: "ClickHouse",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("clickpipes"),
        forms: &[Form::Tables, Form::Schemas, Form::AllTables],
        via_root: ViaRoot::Advised,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Chosen("peerflow_slot_<job>"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: Some(("replication_mode", "cdc_only")),
    },
    postgres: Versions { oldest: Some(12), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::Message,
    at_deletion: AtDeletion::DropsItsOwn,
    checks: &[EVERY, ROLE, PEERDB],
};
