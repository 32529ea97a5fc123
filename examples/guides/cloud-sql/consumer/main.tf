terraform {
  required_providers {
    google = { source = "hashicorp/google" }
  }
}

variable "name" { type = string }

variable "region" { type = string }

variable "tier" { type = string }

variable "edition" {
  type        = string
  description = "`ENTERPRISE` or `ENTERPRISE_PLUS`. From Postgres 16 on the default is `ENTERPRISE_PLUS`, which has no tiers `db-custom-…`."
  default     = null
}

variable "database_version" {
  type        = string
  description = "Such as `POSTGRES_17`."
}

variable "neon_addresses" {
  type        = set(string)
  description = "NAT addresses of the Neon region of the target."
}

# Flags and networks are arguments of the instance: add them to the one that you have.
resource "google_sql_database_instance" "source" {
  name             = var.name
  region           = var.region
  database_version = var.database_version

  settings {
    tier    = var.tier
    edition = var.edition

    database_flags {
      name  = "cloudsql.logical_decoding" # restarts the instance
      value = "on"
    }

    ip_configuration {
      ipv4_enabled = true

      dynamic "authorized_networks" {
        for_each = var.neon_addresses
        content {
          name  = "neon-${replace(authorized_networks.value, ".", "-")}"
          value = "${authorized_networks.value}/32"
        }
      }
    }
  }
}

output "host" {
  value = google_sql_database_instance.source.public_ip_address
}
