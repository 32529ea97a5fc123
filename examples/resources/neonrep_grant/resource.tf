# All tables of a schema, also those made later.
resource "neonrep_grant" "schema" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "databricks_replication"
  schemas    = ["public"]
}

# Two tables by name, and nothing else.
resource "neonrep_grant" "tables" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "airbyte_replication"
  tables = [
    { name = "customers" },
    { schema = "sales", name = "orders" },
  ]
  future_tables = false
}
