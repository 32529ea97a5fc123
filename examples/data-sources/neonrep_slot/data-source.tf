data "neonrep_slot" "databricks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "databricks_slot"
}

locals {
  # Null once the slot is lost.
  retained_bytes = coalesce(data.neonrep_slot.databricks.retained_wal_bytes, 0)
}

# Warns in every plan and apply while the consumer is more than 1 GiB behind, or if the slot is lost.
check "slot_lag" {
  assert {
    condition     = data.neonrep_slot.databricks.wal_status != "lost" && local.retained_bytes < 1024 * 1024 * 1024
    error_message = "Slot databricks_slot is ${data.neonrep_slot.databricks.wal_status}, with ${local.retained_bytes} bytes of write-ahead log."
  }
}
