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

# Replaces the list of addresses. Without it, every address may connect. Destroy leaves the list as it is.
resource "supabase_settings" "network" {
  project_ref = var.project_ref

  network = jsonencode({
    restrictions = concat( # Supabase keeps two lists, IPv4 first: another order would be a difference in each plan
      sort([for it in var.addresses : it if !strcontains(it, ":")]),
      sort([for it in var.addresses : it if strcontains(it, ":")]),
    )
  })
}
