output "slot_config" { # for databricks_pipeline … postgres.slot_config
  value = provider::neonrep::databricks_slot_config("databricks_slot", "databricks_publication")
}
