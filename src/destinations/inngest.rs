//! Inngest: its wizard creates the slot before the publication, so both are created for it beforehand.

use super::check_lists::EVERY;
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, warning,
};

/// `inngest/dbcap`, `pkg/consts/pgconsts` and `pkg/replicator/pgreplicator/pgsetup/pgsetup.go`.
pub(super) const FACTS: Destination = Destination {
    id: "inngest",
    name: "Inngest",
    row: "Inngest",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Either,
        name: Name::Fixed("inngest"),
        forms: &[Form::Tables, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Either,
        name: Name::Fixed("inngest_cdc"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: None, newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::Message,
    at_deletion: AtDeletion::LeavesAll,
    checks: &[
        EVERY,
        &[
            error("role_replication"),
            error("role_usage"),
            error("role_select"),
            warning("publication_absent"),
            warning("publication_all_tables"),
            error("identity_none"),
            error("slot_database"),
            error("slot_lost"),
            error("inngest_order"),
        ],
    ],
};
