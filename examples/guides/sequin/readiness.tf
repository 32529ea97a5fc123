data "neonrep_readiness" "sequin" {
  project_id     = var.project_id
  database       = var.database
  destination    = "sequin"
  publication_id = neonrep_publication.sequin.id
  role           = neonrep_grant.sequin.role
  slot           = neonrep_slot.sequin.slot_name
}

check "sequin_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.sequin.ready
    error_message = data.neonrep_readiness.sequin.report
  }
}
