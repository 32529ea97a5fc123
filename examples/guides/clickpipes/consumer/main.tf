terraform {
  required_version = ">= 1.5"

  required_providers {
    clickhouse = { source = "ClickHouse/clickhouse", version = "~> 3.25" }
  }
}

resource "clickhouse_clickpipe" "neon" {
  name       = "neon"
  service_id = var.service_id

  source = {
    postgres = {
      type           = "neon"
      host           = var.connection.host
      port           = var.connection.port
      database       = var.connection.database
      authentication = "basic"

      credentials = {
        username = var.connection.username
        password = var.connection.password
      }

      # No replication_slot_name: with `cdc` the pipe creates its slot, and refuses one that exists.
      settings = {
        replication_mode = "cdc"
        publication_name = var.publication_name
      }

      table_mappings = [for table in var.tables : {
        source_schema_name = "public"
        source_table       = table
        target_table       = table
      }]
    }
  }

  destination = {
    database = var.destination_database
  }
}
