data "neonrep_readiness" "estuary" {
  project_id     = var.project_id
  database       = var.database
  destination    = "estuary"
  publication_id = neonrep_publication.estuary.id
  role           = neonrep_grant.watermarks.role
}

check "estuary_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.estuary.ready
    error_message = data.neonrep_readiness.estuary.report
  }
}
