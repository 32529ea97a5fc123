resource "neonrep_logical_replication" "this" {
  project_id = "lively-voice-12345678"
}
