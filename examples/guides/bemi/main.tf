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

resource "neonrep_role" "bemi" {
  project_id = neonrep_logical_replication.this.id
  name       = "bemi"
}

resource "neonrep_replica_identity" "playing_with_neon" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "bemi" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "bemi" # Bemi reads a publication of this name and no other
  tables = [{
    name                = "playing_with_neon"
    replica_identity_id = neonrep_replica_identity.playing_with_neon.id
  }]
}

data "neonrep_connection" "bemi" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.bemi.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.bemi.host
    port     = data.neonrep_connection.bemi.port
    database = var.database
    username = neonrep_role.bemi.name
    password = data.neonrep_connection.bemi.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.bemi.name
}
