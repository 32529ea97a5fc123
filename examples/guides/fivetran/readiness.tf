data "neonrep_readiness" "fivetran" {
  project_id     = var.project_id
  database       = var.database
  destination    = "fivetran"
  publication_id = neonrep_publication.fivetran.id
  role           = neonrep_grant.fivetran.role
  slot           = neonrep_slot.fivetran.slot_name
}

check "fivetran_is_ready" { # warns; it does not stop a plan
  assert {
    condition     = data.neonrep_readiness.fivetran.ready
    error_message = data.neonrep_readiness.fivetran.report
  }
}
