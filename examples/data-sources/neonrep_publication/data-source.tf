# A publication that a migration creates.
data "neonrep_publication" "app" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "app_publication"
}

resource "neonrep_slot" "databricks" {
  publication_id = data.neonrep_publication.app.id
  name           = "databricks_slot"
}
