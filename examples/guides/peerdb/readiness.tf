data "neonrep_readiness" "peerdb" {
  project_id     = var.project_id
  database       = var.database
  destination    = "peerdb"
  publication_id = neonrep_publication.peerdb.id
  role           = neonrep_grant.peerdb.role
}

check "peerdb_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.peerdb.ready
    error_message = data.neonrep_readiness.peerdb.report
  }
}
