//! Another Neon project, or another branch, that subscribes; with a server outside Neon as source under the `sql` block.

use super::check_lists::{EVERY, PUBLISHER, ROLE, SOURCE, SUBSCRIBER};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
};

/// `PostgreSQL`'s manual, `CREATE SUBSCRIPTION`: at most `max_sync_workers_per_subscription` tables, 2 by default, are
/// copied at a time, each with a slot of its own.
pub(super) const FACTS: Destination = Destination {
    id: "neon_subscriber",
    name: "Neon to Neon",
    row: "Neon to Neon",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("neon_publication"),
        forms: &[Form::Tables, Form::Schemas, Form::AllTables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Consumer,
        name: Name::Free("<name of the subscription>"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 2,
        own_if: Some(("create_slot", "false")),
    },
    postgres: Versions { oldest: Some(10), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::Usable,
    heartbeat: Heartbeat::None,
    at_deletion: AtDeletion::DropsItsOwn,
    checks: &[EVERY, ROLE, PUBLISHER, SUBSCRIBER, SOURCE],
};
