variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "yaml" {
  sensitive = true
  value     = provider::neonrep::sequin_yaml(data.neonrep_connection.consumer, "sequin_slot", "sequin_publication", "neon")
}
