variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "config" {
  sensitive = true
  value     = provider::neonrep::estuary_config(data.neonrep_connection.consumer, "flow_publication", null)
}
