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
    # Has no key: Terraform sets its replica identity before it publishes the table, and restores it afterwards.
    { name = "events", replica_identity_id = neonrep_replica_identity.events.id },
  ]
}

# Every table of the database, including tables created later, without deletes.
resource "neonrep_publication" "everything" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "everything"
  all_tables = true
  publish    = ["insert", "update"]
}
