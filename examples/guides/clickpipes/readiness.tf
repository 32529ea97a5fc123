data "neonrep_readiness" "clickpipes" {
  project_id     = var.project_id
  database       = var.database
  destination    = "clickpipes"
  publication_id = neonrep_publication.clickpipes.id
  role           = neonrep_grant.clickpipes.role
}

check "clickpipes_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.clickpipes.ready
    error_message = data.neonrep_readiness.clickpipes.report
  }
}
