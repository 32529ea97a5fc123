//! Materialize: it creates its slot and checks role, tables and identities when a source is created.

use super::check_lists::{EVERY, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info, warning,
};

/// `MaterializeInc/materialize`, `src/sql/src/pure/{postgres,error}.rs`.
pub(super) const FACTS: Destination = Destination {
    id: "materialize",
    name: "Materialize",
    row: "Materialize",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("mz_source"),
        forms: &[Form::Tables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Chosen(""),
        plugin: "pgoutput",
        count: 1,
        while_copying: 1,
        own_if: None,
    },
    postgres: Versions { oldest: Some(11), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Full,
    heartbeat: Heartbeat::None,
    at_deletion: AtDeletion::Unconfirmed,
    checks: &[
        EVERY,
        ROLE,
        &[
            error("role_rls"),
            error("publication_absent"),
            error("publication_empty"),
            error("identity_full"),
            warning("types_unsupported"),
            info("partition_root"),
            warning("ip_allow"),
        ],
    ],
};
