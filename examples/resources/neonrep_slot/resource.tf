resource "neonrep_grant" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "databricks_replication"
  schemas    = ["public"]
}

resource "neonrep_publication" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "databricks_publication"
  tables     = [{ name = "customers" }]
}

# The ID of the publication is unknown until it exists, so Terraform always creates the slot after it.
resource "neonrep_slot" "databricks" {
  publication_id      = neonrep_publication.databricks.id
  name                = "databricks_slot"
  deletion_protection = true

  # Destroy drops the slot before it revokes the privileges of its consumer.
  depends_on = [neonrep_grant.databricks]
}
