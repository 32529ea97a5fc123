terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

# The API key comes from NEON_API_KEY; a project-scoped key is enough.
provider "neonrep" {}
