terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

variable "database" {
  type    = string
  default = "neondb"
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "confluent" {
  project_id = neonrep_logical_replication.this.id
  name       = "replication_user"
}

resource "neonrep_grant" "confluent" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.confluent.name
  schemas    = ["public"]
}

resource "neonrep_publication" "confluent" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "dbz_publication"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "confluent" {
  publication_id = neonrep_publication.confluent.id
  name           = "debezium"

  depends_on = [neonrep_grant.confluent] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "confluent" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.confluent.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.confluent.host
    port     = data.neonrep_connection.confluent.port
    database = var.database
    username = neonrep_grant.confluent.role # grants come before the first read
    password = data.neonrep_connection.confluent.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.confluent.name
}

output "slot_name" {
  value = neonrep_slot.confluent.slot_name
}
