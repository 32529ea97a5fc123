//! `PeerDB`: it creates its slot unless the mirror has no initial load, and reads a publication of its user.

use super::check_lists::{EVERY, PEERDB, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
};

/// `PeerDB-io/peerdb`, `flow/connectors/postgres/{validate,client,postgres_source}.go`.
pub(super) const FACTS: Destination = Destination {
    id: "peerdb",
    name: "ClickHouse (PeerDB)",
    row: "ClickHouse",
    status: Status::OpenSource,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("peerdb"),
        forms: &[Form::Tables, Form::Schemas, Form::AllTables],
        via_root: ViaRoot::Advised,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Chosen("peerflow_slot_<job>"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: Some(("do_initial_copy", "false")),
    },
    postgres: Versions { oldest: Some(12), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::Message,
    at_deletion: AtDeletion::DropsItsOwn,
    checks: &[EVERY, ROLE, PEERDB],
};
