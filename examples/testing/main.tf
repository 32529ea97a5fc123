terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

variable "project_id" { type = string }

variable "name" { type = string }

variable "tables" { type = list(string) }

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Tests set it to false: a test run destroys what it has created."
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "this" {
  project_id = neonrep_logical_replication.this.id
  name       = "${var.name}_role"
}

resource "neonrep_grant" "this" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  role       = neonrep_role.this.name
  tables     = [for it in var.tables : { name = it }]
}

resource "neonrep_publication" "this" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  name       = "${var.name}_publication"
  tables     = [for it in var.tables : { name = it }]
}

resource "neonrep_slot" "this" {
  publication_id      = neonrep_publication.this.id
  name                = "${var.name}_slot"
  deletion_protection = var.deletion_protection

  depends_on = [neonrep_grant.this]
}

data "neonrep_connection" "this" {
  project_id = var.project_id
  database   = "neondb"
  role_id    = neonrep_role.this.id
}

output "slot" {
  value = {
    host             = data.neonrep_connection.this.host
    slot_name        = neonrep_slot.this.slot_name
    publication_name = neonrep_slot.this.publication_name
  }
}
