data "neonrep_readiness" "materialize" {
  project_id     = var.project_id
  database       = var.database
  destination    = "materialize"
  publication_id = neonrep_publication.materialize.id
  role           = neonrep_grant.materialize.role
}

check "materialize_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.materialize.ready
    error_message = data.neonrep_readiness.materialize.report
  }
}
