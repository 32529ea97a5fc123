variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "config" { # for fivetran_connection_config.config
  sensitive = true
  value     = provider::neonrep::fivetran_config(data.neonrep_connection.consumer, "fivetran_slot", "fivetran_publication")
}
