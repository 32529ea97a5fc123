//! Debezium on Kafka Connect: it would create publication and slot, and is told not to.

use super::check_lists::{DEBEZIUM, EVERY, OWN_SLOT, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
};

/// `PostgresConnectorConfig.java` of `debezium/debezium`: `plugin.name` is `decoderbufs` unless set, which Neon does not have.
pub(super) const FACTS: Destination = Destination {
    id: "debezium",
    name: "Kafka Connect (Debezium)",
    row: "Confluent (Kafka)",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("dbz_publication"),
        forms: &[Form::Tables, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("debezium"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(10), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::Useful("heartbeat.action.query"),
    at_deletion: AtDeletion::LeavesAll,
    checks: &[EVERY, ROLE, OWN_SLOT, DEBEZIUM],
};
