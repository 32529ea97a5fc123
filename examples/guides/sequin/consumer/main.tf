terraform {
  required_version = ">= 1.5"

  required_providers {
    sequin = { source = "clintdigital/sequin", version = "~> 0.1" } # a provider of the community
  }
}

resource "sequin_database" "neon" {
  name     = "neon"
  hostname = var.connection.host
  port     = var.connection.port
  database = var.connection.database
  username = var.connection.username
  password = var.connection.password
  ssl      = true

  replication_slots = [{
    publication_name = var.publication_name
    slot_name        = var.slot_name
  }]
}
