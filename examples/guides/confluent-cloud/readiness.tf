data "neonrep_readiness" "confluent" {
  project_id     = var.project_id
  database       = var.database
  destination    = "confluent_cloud"
  publication_id = neonrep_publication.confluent.id
  role           = neonrep_grant.confluent.role
  slot           = neonrep_slot.confluent.slot_name
}

check "confluent_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.confluent.ready
    error_message = data.neonrep_readiness.confluent.report
  }
}
