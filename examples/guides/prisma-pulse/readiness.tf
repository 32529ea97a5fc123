data "neonrep_readiness" "pulse" {
  project_id     = var.project_id
  database       = var.database
  destination    = "prisma_pulse"
  publication_id = neonrep_publication.pulse.id
  role           = neonrep_grant.pulse.role
  slot           = neonrep_slot.pulse.slot_name
}

check "pulse_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.pulse.ready
    error_message = data.neonrep_readiness.pulse.report
  }
}
