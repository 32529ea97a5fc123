# A table without a primary key: the whole old row.
resource "neonrep_replica_identity" "events" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  table      = "events"
  mode       = "full"
}

# A unique index instead of the primary key.
resource "neonrep_replica_identity" "orders" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  schema     = "sales"
  table      = "orders"
  mode       = "index"
  index_name = "orders_number_key"
}
