//! Bemi: an audit trail by Debezium, from a publication of one name.

use super::check_lists::EVERY;
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info, warning,
};

/// `BemiHQ/bemi-io`, `docs/docs/hosting/{neon,aws,self-managed}.md`. Whether Bemi takes new customers was not confirmed.
pub(super) const FACTS: Destination = Destination {
    id: "bemi",
    name: "Bemi",
    row: "Bemi",
    status: Status::Unconfirmed,
    publication: Publication {
        made_by: Maker::Either,
        name: Name::Fixed("bemi"),
        forms: &[Form::Tables, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Fixed("bemi"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: None, newest: None },
    // It takes the first state of a row from the stream, not from a copy.
    privileges: &[],
    writes: None,
    identity: Identity::FullAdvised,
    heartbeat: Heartbeat::Unconfirmed,
    at_deletion: AtDeletion::LeavesItsSlot,
    checks: &[
        EVERY,
        &[
            error("role_replication"),
            error("publication_absent"),
            warning("identity_full"),
            warning("bemi_schema"),
            info("wal_sender_timeout"),
            warning("ip_allow"),
        ],
    ],
};
