resource "neonrep_replica_identity" "events" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  table      = "events"
  mode       = "full"
}

resource "neonrep_publication" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "databricks_publication"
  tables = [
    { name = "customers" }, # has a primary key
    { schema = "sales", name = "orders" },
    # Has none: its identity is set before it is published, and given back after.
    { name = "events", replica_identity_id = neonrep_replica_identity.events.id },
  ]
}

# Each table of the database, also those made later, without deletes.
resource "neonrep_publication" "everything" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "everything"
  all_tables = true
  publish    = ["insert", "update"]
}
