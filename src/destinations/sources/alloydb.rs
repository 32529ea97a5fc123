//! Google `AlloyDB`.

use super::facts::{Parameter, Replication, Restart, Source};

/// Neon's guide `logical-replication-alloydb`; Google, *`AlloyDB` database flags*.
pub(super) const FACTS: Source = Source {
    id: "alloydb",
    name: "AlloyDB",
    parameters: &[
        Parameter { name: "alloydb.logical_decoding", value: "on" },
        Parameter { name: "alloydb.enable_pglogical", value: "on" },
    ],
    restart: Restart::Instance,
    set_by: &["google_alloydb_instance.database_flags", "google_alloydb_instance.network_config"],
    replication: Replication::AttributeIn("alloydbsuperuser"),
    recognized_by: Some("alloydbsuperuser"),
    reached: "A public address whose authorized external networks have one rule, a `/32`, for each NAT address of the Neon region.",
    own_schemas: &["google_*"],
};
