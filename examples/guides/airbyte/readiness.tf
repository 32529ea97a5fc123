data "neonrep_readiness" "airbyte" {
  project_id     = var.project_id
  database       = var.database
  destination    = "airbyte"
  publication_id = neonrep_publication.airbyte.id
  role           = neonrep_grant.airbyte.role
  slot           = neonrep_slot.airbyte.slot_name

  options = { # what the consumer is told
    heartbeat_action_query = "SELECT pg_logical_emit_message(true, 'airbyte', '')"
  }
}

check "airbyte_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.airbyte.ready
    error_message = data.neonrep_readiness.airbyte.report
  }
}
