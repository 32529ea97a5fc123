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

resource "neonrep_role" "inngest" {
  project_id = neonrep_logical_replication.this.id
  name       = "inngest" # the wizard looks for a role of this name
}

resource "neonrep_grant" "inngest" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.inngest.name
  schemas    = ["public"]
}

resource "neonrep_publication" "inngest" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "inngest" # and for a publication of this name
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "inngest" {
  publication_id = neonrep_publication.inngest.id
  name           = "inngest_cdc" # and for a slot of this name

  depends_on = [neonrep_grant.inngest] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "inngest" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.inngest.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.inngest.host
    port     = data.neonrep_connection.inngest.port
    database = var.database
    username = neonrep_grant.inngest.role # grants come before the first read
    password = data.neonrep_connection.inngest.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.inngest.name
}

output "slot_name" {
  value = neonrep_slot.inngest.slot_name
}
