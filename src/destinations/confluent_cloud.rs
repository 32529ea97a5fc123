//! Confluent Cloud's connector `PostgresCdcSourceV2`, which is Debezium.

use super::check_lists::{DEBEZIUM, EVERY, OWN_SLOT, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    warning,
};

/// Confluent's page on `PostgresCdcSourceV2`; the first version, `PostgresCdcSource`, ended on 2026-03-31.
pub(super) const FACTS: Destination = Destination {
    id: "confluent_cloud",
    name: "Confluent Cloud",
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
    postgres: Versions { oldest: Some(10), newest: Some(17) },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::Useful("heartbeat.action.query"),
    at_deletion: AtDeletion::Unconfirmed,
    checks: &[EVERY, ROLE, OWN_SLOT, DEBEZIUM, &[warning("pg_version")]],
};
