terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

provider "neonrep" { # NEON_API_KEY
  role_passwords = { reader = var.reader_password }
}

variable "project_id" { type = string }

variable "reader_password" {
  type      = string
  sensitive = true
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_grant" "reader" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  role       = "reader" # created with SQL
  tables     = [{ name = "playing_with_neon" }]
}

data "neonrep_connection" "reader" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "reader"
  include_password = true
}

output "connection" {
  sensitive = true
  value     = data.neonrep_connection.reader
}
