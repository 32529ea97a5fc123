//! Snowflake through Airbyte: on Neon's side the same as Airbyte alone.

use super::check_lists::{AIRBYTE, EVERY, OWN_SLOT, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
};

/// As `airbyte`: the destination connector does not reach the source.
pub(super) const FACTS: Destination = Destination {
    id: "snowflake_airbyte",
    name: "Snowflake through Airbyte",
    row: "Snowflake through Airbyte",
    status: Status::Available,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("airbyte_publication"),
        forms: &[Form::Tables],
        via_root: ViaRoot::Free,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("airbyte_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(10), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::PrimaryKey,
    heartbeat: Heartbeat::Needed("heartbeat_action_query"),
    at_deletion: AtDeletion::LeavesAll,
    checks: &[EVERY, ROLE, OWN_SLOT, AIRBYTE],
};
