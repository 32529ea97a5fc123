data "neonrep_readiness" "decodable" {
  project_id     = var.project_id
  database       = var.database
  destination    = "decodable"
  publication_id = neonrep_publication.decodable.id
  role           = neonrep_grant.decodable.role
}

check "decodable_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.decodable.ready
    error_message = data.neonrep_readiness.decodable.report
  }
}
