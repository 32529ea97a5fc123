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

resource "neonrep_role" "databricks" {
  project_id = neonrep_logical_replication.this.id
  name       = "databricks_replication"
  # neon_superuser = false # Postgres 16 and later: a role that can replicate and read what is granted, and nothing else
}

resource "neonrep_grant" "databricks" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.databricks.name
  schemas    = ["public"]
}

resource "neonrep_replica_identity" "playing_with_neon" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "databricks" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "databricks_publication"
  tables = [{
    name                = "playing_with_neon"
    replica_identity_id = neonrep_replica_identity.playing_with_neon.id
  }]
}

resource "neonrep_slot" "databricks" {
  publication_id = neonrep_publication.databricks.id
  name           = "databricks_slot"

  depends_on = [neonrep_grant.databricks] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "databricks" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.databricks.id
  include_password = true
}

output "databricks_connection_options" { # for databricks_connection.options
  sensitive = true
  value = {
    host     = data.neonrep_connection.databricks.host
    port     = data.neonrep_connection.databricks.port_string
    user     = neonrep_grant.databricks.role # grants come before the first read
    password = data.neonrep_connection.databricks.password
  }
}

output "databricks_slot_config" { # for databricks_pipeline … postgres.slot_config
  value = {
    slot_name        = neonrep_slot.databricks.slot_name
    publication_name = neonrep_slot.databricks.publication_name
  }
}
