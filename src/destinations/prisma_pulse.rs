//! Prisma Pulse: on Neon it works with a publication and a slot of its user.

use super::check_lists::{EVERY, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, info,
};

/// Prisma's pages `pulse/database-setup` and `pulse/faq` of 2024. Whether it can still be used was not confirmed.
pub(super) const FACTS: Destination = Destination {
    id: "prisma_pulse",
    name: "Prisma Pulse",
    row: "Prisma Pulse",
    status: Status::Unconfirmed,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("prisma_pulse_publication"),
        forms: &[Form::Tables, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("prisma_pulse_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(12), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::FullAdvised,
    heartbeat: Heartbeat::None,
    at_deletion: AtDeletion::Unconfirmed,
    checks: &[EVERY, ROLE, &[error("publication_absent"), error("slot_absent"), info("identity_full")]],
};
