terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

variable "database" {
  type    = string
  default = "neondb"
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "estuary" {
  project_id = neonrep_logical_replication.this.id
  name       = "flow_capture"
}

resource "neonrep_grant" "estuary" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.estuary.name
  schemas    = ["public"]
}

resource "neonrep_signal_table" "watermarks" { # the capture cannot create it in public
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "flow_watermarks"
  shape      = "estuary_watermarks"
}

resource "neonrep_grant" "watermarks" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_grant.estuary.role
  tables     = [neonrep_signal_table.watermarks.table]
  privileges = ["SELECT", "INSERT", "UPDATE"]
}

resource "neonrep_publication" "estuary" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "flow_publication"
  tables = [
    { name = "playing_with_neon" },
    neonrep_signal_table.watermarks.table, # Estuary writes it and reads its own writes in the stream
  ]

  publish_via_partition_root = true # partitions arrive under the name of their table
}

data "neonrep_connection" "estuary" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.estuary.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.estuary.host
    port     = data.neonrep_connection.estuary.port
    database = var.database
    username = neonrep_grant.watermarks.role # grants come before the first read
    password = data.neonrep_connection.estuary.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.estuary.name
}

output "endpoint_config" { # endpoint.connector.config of the capture
  sensitive = true
  value = jsonencode({
    address  = "${local.connection.host}:${local.connection.port}"
    database = local.connection.database
    user     = local.connection.username
    credentials = {
      auth_type = "UserPassword"
      password  = local.connection.password
    }
    historyMode = false
    advanced = {
      publicationName = neonrep_publication.estuary.name
      slotName        = "flow_slot"
      watermarksTable = "public.flow_watermarks"
      sslmode         = "require"
    }
  })
}
