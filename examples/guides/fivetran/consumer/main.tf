terraform {
  required_version = ">= 1.5"

  required_providers {
    fivetran = { source = "fivetran/fivetran", version = "~> 1.9" }
  }
}

resource "fivetran_connection" "neon" {
  group_id          = var.group_id
  service           = "postgres"
  networking_method = "Directly"

  destination_schema {
    prefix = var.prefix
  }

  config = jsonencode({
    update_method = "WAL_PGOUTPUT"
  })

  depends_on = [var.slot_name] # destroyed before the slot
}

# The provider does not mark `config` as sensitive: it shows in plans.
resource "fivetran_connection_config" "neon" {
  connection_id      = fivetran_connection.neon.id
  run_setup_tests    = true
  trust_certificates = true

  config = jsonencode({
    update_method    = "WAL_PGOUTPUT"
    connection_type  = "Directly"
    host             = var.connection.host
    port             = var.connection.port
    database         = var.connection.database
    user             = var.connection.username
    password         = var.connection.password
    replication_slot = var.slot_name
    publication_name = var.publication_name
    always_encrypted = true
  })
}
