terraform {
  required_version = ">= 1.5"

  required_providers {
    airbyte   = { source = "airbytehq/airbyte", version = "~> 1.2" }
    snowflake = { source = "snowflakedb/snowflake", version = "~> 2.20" }
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

resource "snowflake_database" "neon" {
  name = var.database
}

resource "snowflake_warehouse" "airbyte" {
  name = "AIRBYTE_WAREHOUSE"
}

resource "snowflake_account_role" "airbyte" {
  name = "AIRBYTE_ROLE"
}

resource "snowflake_service_user" "airbyte" {
  name           = "AIRBYTE_USER"
  rsa_public_key = var.public_key
  default_role   = snowflake_account_role.airbyte.name
}

resource "snowflake_grant_account_role" "airbyte" {
  role_name = snowflake_account_role.airbyte.name
  user_name = snowflake_service_user.airbyte.name
}

resource "snowflake_grant_privileges_to_account_role" "warehouse" {
  account_role_name = snowflake_account_role.airbyte.name
  privileges        = ["USAGE"]

  on_account_object {
    object_type = "WAREHOUSE"
    object_name = snowflake_warehouse.airbyte.name
  }
}

resource "snowflake_grant_privileges_to_account_role" "database" {
  account_role_name = snowflake_account_role.airbyte.name
  privileges        = ["USAGE", "CREATE SCHEMA"]

  on_account_object {
    object_type = "DATABASE"
    object_name = snowflake_database.neon.name
  }
}

resource "airbyte_destination" "snowflake" {
  name          = "snowflake"
  workspace_id  = var.workspace_id
  definition_id = "424892c4-daac-4491-b35d-c6688ba547ba" # destination-snowflake
  configuration = jsonencode({
    host      = var.host
    role      = snowflake_account_role.airbyte.name
    warehouse = snowflake_warehouse.airbyte.name
    database  = snowflake_database.neon.name
    schema    = var.schema
    username  = snowflake_service_user.airbyte.name
    credentials = {
      auth_type   = "Key Pair Authentication"
      private_key = var.private_key
    }
  })

  depends_on = [
    snowflake_grant_account_role.airbyte,
    snowflake_grant_privileges_to_account_role.warehouse,
    snowflake_grant_privileges_to_account_role.database,
  ]
}

resource "airbyte_connection" "neon" {
  name                 = "neon"
  source_id            = airbyte_source.neon.source_id
  destination_id       = airbyte_destination.snowflake.destination_id
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
