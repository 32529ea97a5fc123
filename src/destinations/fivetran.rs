//! Fivetran: publication and slot of its user, read with `WAL_PGOUTPUT`.

use super::check_lists::{EVERY, OWN_SLOT, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info, warning,
};

/// Fivetran's page on `PostgreSQL`, and `fields.json` of `fivetran/terraform-provider-fivetran`.
pub(super) const FACTS: Destination = Destination {
    id: "fivetran",
    name: "Fivetran",
    row: "Fivetran",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("fivetran_pub"),
        forms: &[Form::Tables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("fivetran_pgoutput_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(10), newest: Some(17) },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::PrimaryKey,
    heartbeat: Heartbeat::None,
    at_deletion: AtDeletion::LeavesAll,
    checks: &[
        EVERY,
        ROLE,
        OWN_SLOT,
        &[
            error("publication_absent"),
            error("publication_empty"),
            error("identity_none"),
            warning("primary_key"),
            info("wal_sender_timeout"),
            warning("idle_slot_timeout"),
            warning("pg_version"),
            warning("ip_allow"),
        ],
    ],
};
