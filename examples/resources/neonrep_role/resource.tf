resource "neonrep_logical_replication" "this" {
  project_id = "lively-voice-12345678"
}

resource "neonrep_role" "databricks" {
  project_id = neonrep_logical_replication.this.id
  name       = "databricks_replication"

  # Settings of the consumer's sessions.
  settings = {
    wal_sender_timeout = "60s"
  }

  # A changed value sets a new password, which the consumer then needs.
  rotate_when_changed = { quarter = "2026-4" }
}

# Created with SQL, without `neon_superuser`: it has only what is declared and granted. Neon keeps its generated password.
resource "neonrep_role" "airbyte" {
  project_id     = neonrep_logical_replication.this.id
  name           = "airbyte"
  neon_superuser = false
}

variable "reader_password" {
  type      = string
  ephemeral = true
}

# The same with a password of your own, which is never in the state or in plan files.
resource "neonrep_role" "reader" {
  project_id          = neonrep_logical_replication.this.id
  name                = "reader"
  neon_superuser      = false
  password_wo         = var.reader_password
  password_wo_version = 1
}
