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

resource "neonrep_role" "debezium" {
  project_id = neonrep_logical_replication.this.id
  name       = "debezium"
}

resource "neonrep_grant" "debezium" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.debezium.name
  schemas    = ["public"]
}

resource "neonrep_signal_table" "debezium" { # a row in it starts an incremental snapshot
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "debezium_signal"
  shape      = "debezium_signal"
}

resource "neonrep_grant" "signals" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_grant.debezium.role
  tables     = [neonrep_signal_table.debezium.table]
  privileges = ["SELECT", "INSERT", "UPDATE"]
}

resource "neonrep_publication" "debezium" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "dbz_publication"
  tables = [
    { name = "playing_with_neon" },
    neonrep_signal_table.debezium.table, # Debezium reads signals in the stream
  ]
}

resource "neonrep_slot" "debezium" {
  publication_id = neonrep_publication.debezium.id
  name           = "debezium"

  depends_on = [neonrep_grant.signals] # destroy drops the slot before the role of its consumer, or nothing at all
}

data "neonrep_connection" "debezium" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.debezium.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.debezium.host
    port     = data.neonrep_connection.debezium.port
    database = var.database
    username = neonrep_grant.signals.role # grants come before the first read
    password = data.neonrep_connection.debezium.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.debezium.name
}

output "slot_name" {
  value = neonrep_slot.debezium.slot_name
}

output "connector" { # the body of PUT /connectors/neon/config of Kafka Connect
  sensitive = true
  value = jsonencode({
    "connector.class"             = "io.debezium.connector.postgresql.PostgresConnector"
    "plugin.name"                 = "pgoutput" # the default, decoderbufs, is not installed on Neon
    "database.hostname"           = local.connection.host
    "database.port"               = tostring(local.connection.port)
    "database.dbname"             = local.connection.database
    "database.user"               = local.connection.username
    "database.password"           = local.connection.password
    "database.sslmode"            = "require"
    "topic.prefix"                = "neon"
    "table.include.list"          = "public.playing_with_neon"
    "slot.name"                   = neonrep_slot.debezium.slot_name
    "publication.name"            = neonrep_slot.debezium.publication_name
    "publication.autocreate.mode" = "disabled" # the default, all_tables, would publish tables without a key
    "snapshot.mode"               = "initial"
    "lsn.flush.mode"              = "connector"
    "status.update.interval.ms"   = "5000" # wal_sender_timeout is 10 seconds on Neon
    "signal.data.collection"      = "public.debezium_signal"
    "heartbeat.interval.ms"       = "10000"
    "heartbeat.action.query"      = "SELECT pg_logical_emit_message(true, 'debezium', '')"
  })
}
