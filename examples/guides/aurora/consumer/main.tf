terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }

variable "family" {
  type        = string
  description = "Family of the engine, such as `aurora-postgresql16`."
}

variable "security_group_id" {
  type        = string
  description = "Security group of the cluster."
}

variable "neon_addresses" {
  type        = set(string)
  description = "NAT addresses of the Neon region of the target."
}

variable "port" {
  type    = number
  default = 5432
}

# The default group of a cluster cannot be edited.
resource "aws_rds_cluster_parameter_group" "logical" {
  name   = var.name
  family = var.family

  parameter {
    name         = "rds.logical_replication"
    value        = "1"
    apply_method = "pending-reboot" # a static parameter
  }

  lifecycle {
    create_before_destroy = true # a new family needs a new name: the old group is in use until then
  }
}

resource "aws_vpc_security_group_ingress_rule" "neon" {
  for_each = var.neon_addresses

  security_group_id = var.security_group_id
  cidr_ipv4         = "${each.value}/32"
  from_port         = var.port
  to_port           = var.port
  ip_protocol       = "tcp"
}

output "parameter_group_name" { # for aws_rds_cluster.db_cluster_parameter_group_name; then reboot the writer
  value = aws_rds_cluster_parameter_group.logical.name
}
