terraform {
  required_version = ">= 1.5"

  required_providers {
    materialize = { source = "MaterializeInc/materialize", version = "~> 0.11" }
  }
}

resource "materialize_secret" "neon" {
  name  = "neon_password"
  value = var.connection.password
}

resource "materialize_connection_postgres" "neon" {
  name     = "neon"
  host     = var.connection.host
  port     = var.connection.port
  database = var.connection.database
  ssl_mode = "require"

  user {
    text = var.connection.username
  }

  password {
    name          = materialize_secret.neon.name
    database_name = materialize_secret.neon.database_name
    schema_name   = materialize_secret.neon.schema_name
  }
}

# Creates its slot. Everything that is wrong with role, tables or identities fails here.
resource "materialize_source_postgres" "neon" {
  name         = "neon"
  cluster_name = var.cluster_name
  publication  = var.publication_name

  postgres_connection {
    name = materialize_connection_postgres.neon.name
  }
}

resource "materialize_source_table_postgres" "tables" {
  for_each = var.tables

  name                 = each.key
  upstream_name        = each.key
  upstream_schema_name = "public"

  source {
    name = materialize_source_postgres.neon.name
  }
}
