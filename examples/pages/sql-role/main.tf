terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "reader" {
  project_id     = neonrep_logical_replication.this.id
  name           = "reader"
  neon_superuser = false # created with SQL
}

resource "neonrep_grant" "reader" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  role       = neonrep_role.reader.name
  tables     = [{ name = "playing_with_neon" }]
}

data "neonrep_connection" "reader" {
  project_id       = var.project_id
  database         = "neondb"
  role_id          = neonrep_role.reader.id
  include_password = true
}

output "connection" {
  sensitive = true
  value     = data.neonrep_connection.reader
}
