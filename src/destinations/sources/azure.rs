//! Azure Database for `PostgreSQL`, flexible server.

use super::facts::{Parameter, Replication, Restart, Source};

/// Neon's guide `migrate-from-azure-postgres`. Whether the administrator can give REPLICATION on 16 and later was not confirmed.
pub(super) const FACTS: Source = Source {
    id: "azure",
    name: "Azure PostgreSQL",
    parameters: &[Parameter { name: "wal_level", value: "logical" }],
    restart: Restart::Instance,
    set_by: &[
        "azurerm_postgresql_flexible_server_configuration.value",
        "azurerm_postgresql_flexible_server_firewall_rule.start_ip_address",
    ],
    replication: Replication::Attribute,
    recognized_by: Some("azure_pg_admin"),
    reached: "A public address with one firewall rule for each NAT address of the Neon region.",
    own_schemas: &[],
};
