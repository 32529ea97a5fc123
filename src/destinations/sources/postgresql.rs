//! Any other `PostgreSQL` server.

use super::facts::{Parameter, Replication, Restart, Source};

/// `PostgreSQL`'s manual, *Logical Replication: Configuration Settings* and *Security*.
pub(super) const FACTS: Source = Source {
    id: "postgresql",
    name: "PostgreSQL",
    parameters: &[Parameter { name: "wal_level", value: "logical" }],
    restart: Restart::Instance,
    set_by: &[],
    replication: Replication::Attribute,
    recognized_by: None,
    reached: "A public address; `pg_hba.conf` lets in the role from the NAT addresses of the Neon region, over TLS.",
    own_schemas: &[],
};
