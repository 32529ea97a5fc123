terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

# The API key comes from NEON_API_KEY; a project-scoped key is enough.
provider "neonrep" {}
