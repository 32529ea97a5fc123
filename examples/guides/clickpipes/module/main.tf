terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

module "source" {
  source      = "../../../modules/source"
  project_id  = var.project_id
  destination = "clickpipes"
  name        = "clickpipes"
  tables      = [{ name = "playing_with_neon" }]

  consumer_options = { replication_mode = "cdc_only" } # the only mode in which ClickPipes takes a slot
}

output "connection" {
  sensitive = true
  value     = module.source.connection
}

output "names" {
  value = { publication = module.source.publication_name, slot = module.source.slot_name }
}

check "source_is_ready" {
  assert {
    condition     = module.source.readiness.ready
    error_message = module.source.readiness.report
  }
}
