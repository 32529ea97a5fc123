# A source of logical replication on any Postgres server, without Neon. The server has `wal_level = logical`.
terraform {
  required_version = ">= 1.11"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

variable "host" { type = string }

variable "port" {
  type    = number
  default = 5432
}

variable "username" {
  type    = string
  default = "postgres"
}

variable "database" { type = string }

# The PEM file of the server's authority. Null: the roots of the system.
variable "sslrootcert" {
  type    = string
  default = null
}

variable "consumer_password" {
  type      = string
  sensitive = true
}

provider "neonrep" {
  role_passwords = { consumer = var.consumer_password }

  sql = {
    host        = var.host
    port        = var.port
    username    = var.username # its password comes from PGPASSWORD
    sslrootcert = var.sslrootcert
  }
}

resource "neonrep_role" "consumer" {
  name                = "consumer"
  password_wo         = var.consumer_password
  password_wo_version = 1
}

resource "neonrep_grant" "consumer" {
  database = var.database
  role     = neonrep_role.consumer.name
  schemas  = ["public"]
}

resource "neonrep_publication" "orders" {
  database = var.database
  name     = "orders_publication"
  tables   = [{ name = "orders" }]
}

resource "neonrep_slot" "orders" {
  publication_id = neonrep_publication.orders.id
  name           = "orders_slot"

  depends_on = [neonrep_grant.consumer]
}

data "neonrep_connection" "consumer" {
  database         = var.database
  role_id          = neonrep_role.consumer.id
  include_password = true
}

output "connection" {
  sensitive = true
  value     = data.neonrep_connection.consumer
}
