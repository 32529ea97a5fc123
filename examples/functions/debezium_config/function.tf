variable "project_id" {
  type = string
}

data "neonrep_connection" "consumer" {
  project_id       = var.project_id
  database         = "neondb"
  username         = "consumer"
  include_password = true
}

output "config" { # merge database.password where the connector takes secrets
  sensitive = true
  value     = provider::neonrep::debezium_config(data.neonrep_connection.consumer, "debezium_slot", "debezium_publication", { "topic.prefix" = "shop" })
}
