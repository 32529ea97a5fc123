data "neonrep_tables" "public" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  schemas    = ["public"]
}

# Tables without a key need all columns as replica identity. The condition does not ask for `replica_identity`, which
# this resource changes: a table would leave the list as soon as it is set.
resource "neonrep_replica_identity" "full" {
  for_each = {
    for table in data.neonrep_tables.public.tables : table.name => table
    if table.kind == "table" && !table.has_primary_key
  }

  project_id = "lively-voice-12345678"
  database   = "neondb"
  schema     = each.value.schema
  table      = each.value.name
  mode       = "full"
}
