//! Amazon Aurora `PostgreSQL`.

use super::facts::{Parameter, Replication, Restart, Source};

/// AWS, *Using logical replication to replicate an Aurora `PostgreSQL` database*: as RDS, in the group of the cluster.
pub(super) const FACTS: Source = Source {
    id: "aurora",
    name: "Aurora",
    parameters: &[Parameter { name: "rds.logical_replication", value: "1" }],
    restart: Restart::Writer,
    set_by: &["aws_rds_cluster_parameter_group.parameter", "aws_rds_cluster.db_cluster_parameter_group_name"],
    replication: Replication::Membership("rds_replication"),
    recognized_by: Some("rdsadmin"),
    reached: "The writer's endpoint, public, with a security group that lets in the NAT addresses of the Neon region.",
    own_schemas: &[],
};
