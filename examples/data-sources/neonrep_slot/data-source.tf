data "neonrep_slot" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "databricks_slot"
}

# Warns in every plan and apply while the consumer is more than 1 GiB behind.
check "slot_lag" {
  assert {
    condition     = data.neonrep_slot.databricks.retained_wal_bytes < 1024 * 1024 * 1024
    error_message = "Slot databricks_slot keeps ${data.neonrep_slot.databricks.retained_wal_bytes} bytes of write-ahead log."
  }
}
