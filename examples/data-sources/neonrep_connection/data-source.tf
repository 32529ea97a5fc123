resource "neonrep_role" "databricks" {
  project_id = "lively-voice-12345678"
  name       = "databricks_replication"
}

data "neonrep_connection" "databricks" {
  project_id       = "lively-voice-12345678"
  database         = "neondb"
  role_id          = neonrep_role.databricks.id # read after the role was created
  include_password = true
}

output "host" {
  value = data.neonrep_connection.databricks.host
}
