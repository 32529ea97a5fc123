variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "configuration" { # for airbyte_source.configuration
  sensitive = true
  value     = provider::neonrep::airbyte_source_configuration(data.neonrep_connection.consumer, "airbyte_slot", "airbyte_publication", ["public"], { initial_waiting_seconds = "600" })
}
