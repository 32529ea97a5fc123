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

resource "neonrep_role" "fivetran" {
  project_id = neonrep_logical_replication.this.id
  name       = "fivetran_user"
}

resource "neonrep_grant" "fivetran" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.fivetran.name
  schemas    = ["public"]
}

resource "neonrep_publication" "fivetran" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "fivetran_pub"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "fivetran" {
  publication_id = neonrep_publication.fivetran.id
  name           = "fivetran_pgoutput_slot"

  depends_on = [neonrep_grant.fivetran] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "fivetran" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.fivetran.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.fivetran.host
    port     = data.neonrep_connection.fivetran.port
    database = var.database
    username = neonrep_grant.fivetran.role # grants come before the first read
    password = data.neonrep_connection.fivetran.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.fivetran.name
}

output "slot_name" {
  value = neonrep_slot.fivetran.slot_name
}
