# All tables of a schema, including those created later.
resource "neonrep_grant" "schema" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "databricks_replication"
  schemas    = ["public"]
}

# Two tables by name.
resource "neonrep_grant" "tables" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "airbyte_replication"
  tables = [
    { name = "customers" },
    { schema = "sales", name = "orders" },
  ]
}

# All tables of a schema, and no privilege on them that is not declared here.
resource "neonrep_grant" "exact" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "analyst"
  schemas    = ["reporting"]
  privileges = ["SELECT"]
  mode       = "authoritative"
}
