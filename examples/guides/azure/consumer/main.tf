terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}

variable "server_id" {
  type        = string
  description = "ID of the flexible server."
}

variable "neon_addresses" {
  type        = set(string)
  description = "NAT addresses of the Neon region of the target."
}

resource "azurerm_postgresql_flexible_server_configuration" "logical" {
  name      = "wal_level"
  server_id = var.server_id
  value     = "logical"
}

resource "azurerm_postgresql_flexible_server_firewall_rule" "neon" {
  for_each = var.neon_addresses

  name             = "neon-${replace(each.value, ".", "-")}"
  server_id        = var.server_id
  start_ip_address = each.value
  end_ip_address   = each.value
}
