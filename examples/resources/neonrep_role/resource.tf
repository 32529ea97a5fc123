resource "neonrep_logical_replication" "this" {
  project_id = "lively-voice-12345678"
}

resource "neonrep_role" "databricks" {
  project_id = neonrep_logical_replication.this.id
  name       = "databricks_replication"

  # A changed value gives the role a new password. The consumer then needs that password.
  rotate_when_changed = { quarter = "2026-4" }
}
