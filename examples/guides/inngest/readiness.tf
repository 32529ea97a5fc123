data "neonrep_readiness" "inngest" {
  project_id     = var.project_id
  database       = var.database
  destination    = "inngest"
  publication_id = neonrep_publication.inngest.id
  role           = neonrep_grant.inngest.role
  slot           = neonrep_slot.inngest.slot_name
}

check "inngest_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.inngest.ready
    error_message = data.neonrep_readiness.inngest.report
  }
}
