terraform {
  required_providers {
    supabase = { source = "supabase/supabase" }
  }
}

variable "project_ref" { type = string }

variable "addresses" {
  type        = set(string)
  description = "All addresses that may connect, as CIDR: those of Neon, of Terraform and of your applications."
}

# Replaces the list of addresses. Without it, every address may connect.
resource "supabase_settings" "network" {
  project_ref = var.project_ref

  network = jsonencode({
    restrictions = sort(var.addresses)
  })
}
