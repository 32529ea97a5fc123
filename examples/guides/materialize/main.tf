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

resource "neonrep_role" "materialize" {
  project_id = neonrep_logical_replication.this.id
  name       = "materialize"
}

resource "neonrep_grant" "materialize" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.materialize.name
  schemas    = ["public"]
}

resource "neonrep_replica_identity" "playing_with_neon" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "materialize" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "mz_source"
  tables = [{
    name                = "playing_with_neon"
    replica_identity_id = neonrep_replica_identity.playing_with_neon.id
  }]
}

data "neonrep_connection" "materialize" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.materialize.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.materialize.host
    port     = data.neonrep_connection.materialize.port
    database = var.database
    username = neonrep_grant.materialize.role # grants come before the first read
    password = data.neonrep_connection.materialize.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.materialize.name
}
