//! Databricks Lakeflow Connect: one publication and one slot per database, both created by its user.

use super::check_lists::{EVERY, OWN_SLOT, ROLE};
use super::facts::{
    AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Publication, Slot, Status, Versions, ViaRoot,
    error, warning,
};

/// Pages `source-setup`, `limits` and `maintenance` of the `PostgreSQL` connector in Databricks' documentation.
pub(super) const FACTS: Destination = Destination {
    id: "databricks_lakeflow",
    name: "Databricks Lakeflow Connect",
    row: "Databricks Lakeflow Connect",
    status: Status::Preview,
    publication: Publication {
        made_by: Maker::Terraform,
        name: Name::Free("databricks_publication"),
        forms: &[Form::Tables],
        via_root: ViaRoot::Advised,
    },
    slot: Slot {
        made_by: Maker::Terraform,
        name: Name::Free("databricks_slot"),
        plugin: "pgoutput",
        count: 1,
        while_copying: 0,
        own_if: None,
    },
    postgres: Versions { oldest: Some(13), newest: None },
    privileges: &["SELECT"],
    writes: None,
    identity: Identity::FullAdvised,
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
            warning("toast"),
            warning("partition_root"),
            warning("slot_active"),
            error("duplicate_names"),
            warning("pg_version"),
            warning("ip_allow"),
        ],
    ],
};
