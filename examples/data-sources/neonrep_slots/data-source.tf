data "neonrep_slots" "this" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
}

output "slots_without_consumer" {
  value = [for slot in data.neonrep_slots.this.slots : slot.name if slot.consumer == null]
}
