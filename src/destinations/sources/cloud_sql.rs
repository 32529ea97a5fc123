//! Google Cloud SQL for `PostgreSQL`.

use super::facts::{Parameter, Replication, Restart, Source};

/// Google, *Set up logical replication and decoding*.
pub(super) const FACTS: Source = Source {
    id: "cloud_sql",
    name: "Cloud SQL",
    parameters: &[Parameter { name: "cloudsql.logical_decoding", value: "on" }],
    restart: Restart::Instance,
    set_by: &[
        "google_sql_database_instance.settings.database_flags",
        "google_sql_database_instance.settings.ip_configuration",
    ],
    replication: Replication::AttributeIn("cloudsqlsuperuser"),
    recognized_by: Some("cloudsqlsuperuser"),
    reached: "A public address whose authorized networks have one rule, a `/32`, for each NAT address of the Neon region.",
    own_schemas: &["google_*"],
};
