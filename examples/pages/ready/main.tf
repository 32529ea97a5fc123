terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

data "neonrep_publication" "airbyte" {
  project_id = var.project_id
  database   = "neondb"
  name       = "airbyte_publication"
}

data "neonrep_readiness" "airbyte" {
  project_id     = var.project_id
  database       = "neondb"
  destination    = "airbyte"
  publication_id = data.neonrep_publication.airbyte.id
  role           = "airbyte_replication"
  slot           = "airbyte_slot"

  lifecycle {
    postcondition { # fails the plan; a check block only warns
      condition     = self.ready
      error_message = self.report
    }
  }
}
