variable "source_project_id" {
  type = string
}

variable "target_project_id" {
  type = string
}

resource "neonrep_role" "replica" {
  project_id = var.source_project_id
  name       = "replica"
}

resource "neonrep_publication" "orders" {
  project_id = var.source_project_id
  database   = "neondb"
  name       = "orders"
  tables     = [{ name = "orders" }]
}

# The password is in no state and no plan file.
ephemeral "neonrep_connection" "source" {
  project_id = var.source_project_id
  database   = "neondb"
  role_id    = neonrep_role.replica.id
}

# From project to project: the subscription creates its slot.
resource "neonrep_subscription" "orders" {
  project_id            = var.target_project_id
  database              = "neondb"
  name                  = "orders"
  publications          = [neonrep_publication.orders.name]
  connection_wo         = ephemeral.neonrep_connection.source.uri
  connection_wo_version = 1
}

# From one database of a branch to another: the slot must exist before.
resource "neonrep_slot" "copy" {
  publication_id = neonrep_publication.orders.id
  name           = "orders_copy"
}

resource "neonrep_subscription" "copy" {
  project_id            = var.source_project_id
  database              = "copy"
  name                  = "orders_copy"
  publications          = [neonrep_publication.orders.name]
  connection_wo         = ephemeral.neonrep_connection.source.uri
  connection_wo_version = 1
  create_slot           = false
  slot_name             = neonrep_slot.copy.slot_name
}
