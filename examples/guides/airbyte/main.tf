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

resource "neonrep_role" "airbyte" {
  project_id = neonrep_logical_replication.this.id
  name       = "airbyte_replication"
  # neon_superuser = false # Postgres 16 and later: a role that can replicate and read what is granted, and nothing else
}

resource "neonrep_grant" "airbyte" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.airbyte.name
  schemas    = ["public"]
}

resource "neonrep_publication" "airbyte" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "airbyte_publication"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "airbyte" {
  publication_id = neonrep_publication.airbyte.id
  name           = "airbyte_slot"

  depends_on = [neonrep_grant.airbyte] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "airbyte" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.airbyte.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.airbyte.host
    port     = data.neonrep_connection.airbyte.port
    database = var.database
    username = neonrep_grant.airbyte.role # grants come before the first read
    password = data.neonrep_connection.airbyte.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.airbyte.name
}

output "slot_name" {
  value = neonrep_slot.airbyte.slot_name
}
