resource "neonrep_logical_replication" "this" {
  project_id = "lively-voice-12345678"
}

resource "neonrep_role" "databricks" {
  project_id = neonrep_logical_replication.this.id
  name       = "databricks_replication"

  # A changed value sets a new password, which the consumer then needs.
  rotate_when_changed = { quarter = "2026-4" }
}

variable "reader_password" {
  type      = string
  ephemeral = true
}

# Created with SQL, without `neon_superuser`: it has only what is declared and granted.
resource "neonrep_role" "reader" {
  project_id          = neonrep_logical_replication.this.id
  name                = "reader"
  neon_superuser      = false
  password_wo         = var.reader_password
  password_wo_version = 1
}
