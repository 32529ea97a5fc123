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

resource "neonrep_role" "pulse" {
  project_id = neonrep_logical_replication.this.id
  name       = "prisma_pulse"
}

resource "neonrep_grant" "pulse" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.pulse.name
  schemas    = ["public"]
}

resource "neonrep_publication" "pulse" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "prisma_pulse_publication"
  tables     = [{ name = "playing_with_neon" }]
}

resource "neonrep_slot" "pulse" {
  publication_id = neonrep_publication.pulse.id
  name           = "prisma_pulse_slot"

  depends_on = [neonrep_grant.pulse] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "pulse" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.pulse.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.pulse.host
    port     = data.neonrep_connection.pulse.port
    database = var.database
    username = neonrep_grant.pulse.role # grants come before the first read
    password = data.neonrep_connection.pulse.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.pulse.name
}

output "slot_name" {
  value = neonrep_slot.pulse.slot_name
}
