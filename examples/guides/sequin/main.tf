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

resource "neonrep_role" "sequin" {
  project_id = neonrep_logical_replication.this.id
  name       = "sequin_user"
}

resource "neonrep_grant" "sequin" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.sequin.name
  schemas    = ["public"]
}

resource "neonrep_replica_identity" "playing_with_neon" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "sequin" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "sequin_pub"
  tables = [{
    name                = "playing_with_neon"
    replica_identity_id = neonrep_replica_identity.playing_with_neon.id
  }]

  publish_via_partition_root = true # partitions arrive under the name of their table
}

resource "neonrep_slot" "sequin" {
  publication_id = neonrep_publication.sequin.id
  name           = "sequin_slot"

  depends_on = [neonrep_grant.sequin] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "sequin" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.sequin.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.sequin.host
    port     = data.neonrep_connection.sequin.port
    database = var.database
    username = neonrep_grant.sequin.role # grants come before the first read
    password = data.neonrep_connection.sequin.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.sequin.name
}

output "slot_name" {
  value = neonrep_slot.sequin.slot_name
}

output "sequin_yaml" { # databases: of Sequin's sequin.yaml
  sensitive = true
  value = yamlencode({
    databases = [{
      name     = "neon"
      hostname = local.connection.host
      port     = local.connection.port
      database = local.connection.database
      username = local.connection.username
      password = local.connection.password
      slot = {
        name                 = neonrep_slot.sequin.slot_name
        create_if_not_exists = false
      }
      publication = {
        name                 = neonrep_slot.sequin.publication_name
        create_if_not_exists = false
      }
    }]
  })
}
