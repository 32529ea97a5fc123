data "neonrep_readiness" "debezium" {
  project_id     = var.project_id
  database       = var.database
  destination    = "debezium"
  publication_id = neonrep_publication.debezium.id
  role           = neonrep_grant.signals.role
  slot           = neonrep_slot.debezium.slot_name

  options = { # what the consumer is told
    "heartbeat.action.query" = "SELECT pg_logical_emit_message(true, 'debezium', '')"
  }
}

check "debezium_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.debezium.ready
    error_message = data.neonrep_readiness.debezium.report
  }
}
