resource "neonrep_publication" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "databricks_publication"
  tables     = [{ name = "customers" }]
}

# The id of the publication is unknown until it exists, so the slot is always made after it.
resource "neonrep_slot" "databricks" {
  publication_id      = neonrep_publication.databricks.id
  name                = "databricks_slot"
  deletion_protection = true
}
