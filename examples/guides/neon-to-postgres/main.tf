terraform {
  required_version = ">= 1.11" # for write-only arguments
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

provider "neonrep" {} # NEON_API_KEY: the source

variable "project_id" { type = string }

variable "database" {
  type    = string
  default = "neondb"
}

variable "target" { # the server that subscribes
  type = object({
    host     = string
    port     = optional(number, 5432)
    database = string
    username = string
  })
}

variable "target_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

provider "neonrep" {
  alias = "target"
  sql = {
    host     = var.target.host
    port     = var.target.port
    username = var.target.username
    password = var.target_password
  }
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "replica" {
  project_id = neonrep_logical_replication.this.id
  name       = "replica"
}

resource "neonrep_grant" "replica" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.replica.name
  schemas    = ["public"]
}

resource "neonrep_publication" "replica" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "postgres_publication"
  tables     = [{ name = "playing_with_neon" }]
}

ephemeral "neonrep_connection" "source" { # the password is in no state and no plan file
  project_id = var.project_id
  database   = var.database
  role_id    = neonrep_role.replica.id
}

resource "neonrep_subscription" "replica" {
  provider              = neonrep.target
  database              = var.target.database
  name                  = "neon_subscription"
  publications          = [neonrep_publication.replica.name]
  connection_wo         = ephemeral.neonrep_connection.source.uri
  connection_wo_version = 1

  depends_on = [neonrep_grant.replica] # destroy drops the subscription and its slot before the role
}

data "neonrep_readiness" "replica" {
  project_id     = var.project_id
  database       = var.database
  destination    = "postgres_subscriber"
  publication_id = neonrep_publication.replica.id
  role           = neonrep_grant.replica.role
}

output "readiness" {
  value = data.neonrep_readiness.replica.report
}

output "ready" {
  value = data.neonrep_readiness.replica.ready
}
