//! Amazon RDS for `PostgreSQL`.

use super::facts::{Parameter, Replication, Restart, Source};

/// AWS, *Logical replication for Amazon RDS for `PostgreSQL`*: a static parameter of a group of one's own, and a role that
/// stands for the attribute.
pub(super) const FACTS: Source = Source {
    id: "rds",
    name: "RDS",
    parameters: &[Parameter { name: "rds.logical_replication", value: "1" }],
    restart: Restart::Instance,
    set_by: &["aws_db_parameter_group.parameter", "aws_db_instance.parameter_group_name"],
    replication: Replication::Membership("rds_replication"),
    recognized_by: Some("rdsadmin"),
    reached: "A public endpoint whose security group lets in the NAT addresses of the Neon region.",
    own_schemas: &[],
};
