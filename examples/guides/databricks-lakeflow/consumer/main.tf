terraform {
  required_version = ">= 1.5"

  required_providers {
    databricks = { source = "databricks/databricks", version = "~> 1.128" }
  }
}

resource "databricks_connection" "neon" {
  name            = "neon"
  connection_type = "POSTGRESQL"
  options = {
    host     = var.connection_options.host
    port     = var.connection_options.port
    user     = var.connection_options.user
    password = var.connection_options.password
  }
}

# The gateway reads the slot all the time; stopped, Neon keeps its write-ahead log.
resource "databricks_pipeline" "gateway" {
  name       = "neon_gateway"
  catalog    = var.catalog
  schema     = var.schema
  continuous = true

  gateway_definition {
    connection_name         = databricks_connection.neon.name
    gateway_storage_catalog = var.catalog
    gateway_storage_schema  = var.schema
    gateway_storage_name    = "neon_gateway"

    connection_parameters {
      source_catalog = var.database
    }
  }

  depends_on = [var.slot_config] # created after the slot, destroyed before it
}

resource "databricks_pipeline" "ingestion" {
  name    = "neon_ingestion"
  catalog = var.catalog
  schema  = var.schema

  ingestion_definition {
    ingestion_gateway_id = databricks_pipeline.gateway.id
    source_type          = "POSTGRESQL"

    source_configurations {
      catalog {
        source_catalog = var.database

        postgres {
          slot_config {
            slot_name        = var.slot_config.slot_name
            publication_name = var.slot_config.publication_name
          }
        }
      }
    }

    dynamic "objects" {
      for_each = var.tables

      content {
        table {
          source_catalog      = var.database
          source_schema       = "public"
          source_table        = objects.value
          destination_catalog = var.catalog
          destination_schema  = var.schema
          destination_table   = objects.value
        }
      }
    }
  }
}
