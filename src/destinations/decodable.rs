//! Decodable: it creates its slot, and looks for a publication of one name.

use super::check_lists::{EVERY, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info, warning,
};

/// Neon's guide `logical-replication-decodable`. Whether Decodable takes new customers was not confirmed.
pub(super) const FACTS: Destination = Destination {
    id: "decodable",
    name: "Decodable",
    row: "Decodable",
    status: Status::Unconfirmed,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Fixed("dbz_publication"),
        forms: &[Form::Tables, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Chosen("decodable_<id>"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: None, newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Full,
    heartbeat: Heartbeat::Unconfirmed,
    at_deletion: AtDeletion::Unconfirmed,
    checks: &[
        EVERY,
        ROLE,
        &[
            error("publication_absent"),
            error("table_not_published"),
            error("identity_full"),
            warning("long_transaction"),
            info("wal_sender_timeout"),
            warning("ip_allow"),
        ],
    ],
};
