//! Sequin: it reads publication and slot of its user, and needs partitions published via their root.

use super::check_lists::{EVERY, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info, warning,
};

/// `sequinstream/sequin`: its how-to for Neon in `docs/how-to` and `lib/sequin/databases/databases.ex`.
pub(super) const FACTS: Destination = Destination {
    id: "sequin",
    name: "Sequin",
    row: "Sequin",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("sequin_pub"),
        forms: &[Form::Tables, Form::Schemas, Form::AllTables],
        via_root: ViaRoot::Required,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("sequin_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(14), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::FullAdvised,
    heartbeat: Heartbeat::Message,
    at_deletion: AtDeletion::LeavesAll,
    checks: &[
        EVERY,
        ROLE,
        &[
            error("publication_absent"),
            error("slot_absent"),
            error("slot_database"),
            error("slot_order"),
            error("slot_lost"),
            error("partition_root"),
            warning("identity_full"),
            info("toast"),
            warning("ip_allow"),
        ],
    ],
};
