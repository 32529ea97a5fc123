terraform {
  required_version = ">= 1.5"

  required_providers {
    airbyte = { source = "airbytehq/airbyte", version = "~> 1.2" }
  }
}

resource "airbyte_source" "neon" {
  name          = "neon"
  workspace_id  = var.workspace_id
  definition_id = "decd338e-5647-4c0b-adf4-da0e75f5a750" # source-postgres
  configuration = jsonencode({
    host     = var.connection.host
    port     = var.connection.port
    database = var.connection.database
    schemas  = ["public"]
    username = var.connection.username
    password = var.connection.password
    ssl_mode = {
      mode = "require"
    }
    tunnel_method = {
      tunnel_method = "NO_TUNNEL"
    }
    replication_method = {
      method                               = "CDC"
      plugin                               = "pgoutput"
      replication_slot                     = var.slot_name
      publication                          = var.publication_name
      initial_waiting_seconds              = 300
      lsn_commit_behaviour                 = "After loading Data in the destination"
      heartbeat_action_query               = var.heartbeat_action_query
      invalid_cdc_cursor_position_behavior = "Fail sync"
    }
  })
}

resource "airbyte_connection" "neon" {
  name                 = "neon"
  source_id            = airbyte_source.neon.source_id
  destination_id       = var.destination_id
  namespace_definition = "source"
  status               = "active"

  schedule = {
    schedule_type = "manual"
  }

  configurations = {
    streams = [for table in var.tables : {
      name      = table
      namespace = "public"
      sync_mode = "incremental_deduped_history"
    }]
  }
}
