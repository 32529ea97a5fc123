check "databricks" {
  data "neonrep_readiness" "databricks" {
    project_id     = "lively-voice-12345678"
    database       = "neondb"
    destination    = "databricks_lakeflow"
    publication_id = "lively-voice-12345678/br-aged-salad-637688/neondb/databricks_publication"
    role           = "databricks_replication"
    slot           = "databricks_slot"
  }

  assert {
    condition     = data.neonrep_readiness.databricks.ready
    error_message = data.neonrep_readiness.databricks.report
  }
}
