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

resource "neonrep_role" "clickpipes" {
  project_id = neonrep_logical_replication.this.id
  name       = "clickpipes_user"
}

resource "neonrep_grant" "clickpipes" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.clickpipes.name
  schemas    = ["public"]
}

resource "neonrep_publication" "clickpipes" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "clickpipes"
  tables     = [{ name = "playing_with_neon" }]

  publish_via_partition_root = true # partitions arrive under the name of their table
}

data "neonrep_connection" "clickpipes" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.clickpipes.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.clickpipes.host
    port     = data.neonrep_connection.clickpipes.port
    database = var.database
    username = neonrep_grant.clickpipes.role # grants come before the first read
    password = data.neonrep_connection.clickpipes.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.clickpipes.name
}
