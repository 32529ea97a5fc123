terraform {
  required_version = ">= 1.11" # for write-only arguments
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

provider "neonrep" {} # NEON_API_KEY: the target

variable "project_id" { type = string }

variable "database" {
  type    = string
  default = "neondb"
}

variable "source_server" { # the writer of an Aurora cluster
  type = object({
    host        = string
    port        = optional(number, 5432)
    database    = string
    username    = string # postgres
    sslmode     = optional(string, "verify-full")
    sslrootcert = optional(string) # PEM file of its authority, where the system does not have it
  })
}

variable "source_password" {
  type      = string
  sensitive = true
  ephemeral = true
}

variable "replica_password" { # of the role that Neon logs in as
  type      = string
  sensitive = true
  ephemeral = true
}

provider "neonrep" {
  alias = "source"
  sql = {
    host        = var.source_server.host
    port        = var.source_server.port
    username    = var.source_server.username
    password    = var.source_password
    sslmode     = var.source_server.sslmode
    sslrootcert = var.source_server.sslrootcert
  }
}

resource "neonrep_role" "replica" {
  provider = neonrep.source
  name     = "neon_replica"
  # replication = true: membership of rds_replication, which stands for the attribute
  password_wo         = var.replica_password
  password_wo_version = 1
}

resource "neonrep_grant" "replica" {
  provider = neonrep.source
  database = var.source_server.database
  role     = neonrep_role.replica.name
  schemas  = ["public"]
}

resource "neonrep_publication" "replica" {
  provider = neonrep.source
  database = var.source_server.database
  name     = "neon_publication"
  tables   = [{ name = "playing_with_neon" }]
}

locals {
  connection_uri = provider::neonrep::connection_uri(
    var.source_server.host,
    var.source_server.port,
    var.source_server.database,
    neonrep_role.replica.name,
    var.replica_password,
  )
}

resource "neonrep_subscription" "replica" {
  project_id            = var.project_id
  database              = var.database
  name                  = "neon_subscription"
  publications          = [neonrep_publication.replica.name]
  connection_wo         = replace(local.connection_uri, "&channel_binding=require", "") # a proxy in front of the server may lack it
  connection_wo_version = 1

  depends_on = [neonrep_grant.replica] # destroy drops the subscription and its slot before the role
}

data "neonrep_readiness" "replica" {
  provider       = neonrep.source
  database       = var.source_server.database
  destination    = "neon_subscriber"
  publication_id = neonrep_publication.replica.id
  role           = neonrep_grant.replica.role
}

output "readiness" {
  value = data.neonrep_readiness.replica.report
}

output "ready" {
  value = data.neonrep_readiness.replica.ready
}
