# The watermarks of Estuary Flow. The table is created before it is published and granted.
resource "neonrep_signal_table" "watermarks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "flow_watermarks"
  shape      = "estuary_watermarks"
}

resource "neonrep_grant" "watermarks" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  role       = "flow_capture"
  tables     = [neonrep_signal_table.watermarks.table]
  privileges = ["SELECT", "INSERT", "UPDATE"]
}

resource "neonrep_publication" "flow" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
  name       = "flow_publication"
  tables     = [{ name = "orders" }, neonrep_signal_table.watermarks.table]
}
