data "neonrep_readiness" "databricks" {
  project_id     = var.project_id
  database       = var.database
  destination    = "databricks_lakeflow"
  publication_id = neonrep_publication.databricks.id
  role           = neonrep_grant.databricks.role
  slot           = neonrep_slot.databricks.slot_name
}

check "databricks_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.databricks.ready
    error_message = data.neonrep_readiness.databricks.report
  }
}
