data "neonrep_readiness" "bemi" {
  project_id     = var.project_id
  database       = var.database
  destination    = "bemi"
  publication_id = neonrep_publication.bemi.id
  role           = neonrep_role.bemi.name
}

check "bemi_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.bemi.ready
    error_message = data.neonrep_readiness.bemi.report
  }
}
