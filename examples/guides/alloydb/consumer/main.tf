terraform {
  required_providers {
    google = { source = "hashicorp/google" }
  }
}

variable "cluster" {
  type        = string
  description = "Name of the cluster, as `google_alloydb_cluster.<name>.name` has it."
}

variable "instance_id" { type = string }

variable "neon_addresses" {
  type        = set(string)
  description = "NAT addresses of the Neon region of the target."
}

# Flags and networks are arguments of the instance: add them to the one that you have.
resource "google_alloydb_instance" "source" {
  cluster       = var.cluster
  instance_id   = var.instance_id
  instance_type = "PRIMARY"

  database_flags = { # restart the instance
    "alloydb.logical_decoding"    = "on"
    "alloydb.enable_pglogical"    = "on"
    "password.enforce_complexity" = "on" # as in Google's samples of instances with a public address
  }

  network_config {
    enable_public_ip = true

    dynamic "authorized_external_networks" {
      for_each = var.neon_addresses
      content {
        cidr_range = "${authorized_external_networks.value}/32"
      }
    }
  }
}

output "host" {
  value = google_alloydb_instance.source.public_ip_address
}
