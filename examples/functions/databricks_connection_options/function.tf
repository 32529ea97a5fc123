variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "options" { # for databricks_connection.options
  sensitive = true
  value     = provider::neonrep::databricks_connection_options(data.neonrep_connection.consumer)
}
