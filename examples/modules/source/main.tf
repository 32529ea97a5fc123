terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

locals {
  facts = local.destinations[var.destination]
  name  = coalesce(var.name, "${var.destination}_replication")

  # A consumer that knows no other name gets that one.
  own_names        = var.name != null
  publication_name = local.own_names && !local.facts.publication_fixed ? "${local.name}_publication" : local.facts.publication
  slot_name        = local.own_names && !local.facts.slot_fixed ? "${local.name}_slot" : coalesce(local.facts.slot, "${local.name}_slot")

  # Some consumers create their slot, except in a mode that an option sets.
  own_slot = local.facts.own_slot || anytrue([
    for option, value in local.facts.own_slot_if : lookup(var.consumer_options, option, "") == value
  ])

  schemas = setunion(var.schemas, [for it in var.tables : it.schema])
  listed  = { for it in var.tables : "${it.schema}.${it.name}" => it }
  found   = { for it in data.neonrep_tables.this.tables : "${it.schema}.${it.name}" => it if it.kind == "table" }

  # Published tables whose rows the consumer could not find again, or wants whole.
  without_identity = {
    for key, it in local.found : key => it
    if(length(var.tables) == 0 || contains(keys(local.listed), key))
    && (local.facts.full_identity || !it.has_primary_key && it.replica_identity != "index")
  }

  # Tables that the consumer writes: its own, and those that an option names.
  signals = merge(
    {
      for it in local.facts.writes : "written" => merge(it, {
        table = lookup(var.consumer_options, "watermarks_table", it.table)
      }) if lookup(var.consumer_options, "read_only_capture", "") != "true"
    },
    {
      for option, shape in { heartbeat_table = "heartbeat", signal_table = "debezium_signal" } : option => {
        table                                = var.consumer_options[option]
        shape                                = shape
        privileges                           = ["SELECT", "INSERT", "UPDATE"]
      } if contains(keys(var.consumer_options), option)
    },
  )

  # Refers to each grant, so that all come before what names the role.
  role = reverse(concat(
    [neonrep_role.this.name],
    [for it in neonrep_grant.this : it.role],
    [for it in neonrep_grant.signals : it.role],
  ))[0]
}

data "neonrep_tables" "this" {
  project_id = var.project_id
  branch_id  = var.branch_id
  database   = var.database
  schemas    = local.schemas
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "this" {
  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  name       = local.name
}

resource "neonrep_grant" "this" {
  count = length(local.facts.privileges) > 0 ? 1 : 0

  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  database   = var.database
  role       = neonrep_role.this.name
  schemas    = local.schemas
  privileges = local.facts.privileges
}

resource "neonrep_signal_table" "this" {
  for_each = local.signals

  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  database   = var.database
  schema     = length(split(".", each.value.table)) > 1 ? split(".", each.value.table)[0] : "public"
  name       = reverse(split(".", each.value.table))[0]
  shape      = each.value.shape
}

resource "neonrep_grant" "signals" {
  for_each = local.signals

  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  database   = var.database
  role       = reverse(concat([neonrep_role.this.name], [for it in neonrep_grant.this : it.role]))[0]
  tables     = [neonrep_signal_table.this[each.key].table]
  privileges = each.value.privileges
}

resource "neonrep_replica_identity" "this" {
  for_each = local.without_identity

  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  database   = var.database
  schema     = each.value.schema
  table      = each.value.name
  mode       = "full"
}

resource "neonrep_publication" "this" {
  project_id = neonrep_logical_replication.this.id
  branch_id  = var.branch_id
  database   = var.database
  name       = local.publication_name
  schemas    = length(var.tables) == 0 ? local.schemas : []
  tables = concat(
    [for key, it in local.listed : {
      schema              = it.schema
      name                = it.name
      replica_identity_id = try(neonrep_replica_identity.this[key].id, null)
    }],
    [for it in neonrep_signal_table.this : it.table],
  )

  publish_via_partition_root = local.facts.via_partition_root

  depends_on = [neonrep_replica_identity.this]

  lifecycle {
    precondition {
      condition     = length(var.tables) > 0 || local.facts.takes_schemas
      error_message = "This destination needs a list of tables. Set tables."
    }
  }
}

resource "neonrep_slot" "this" {
  count = local.own_slot ? 1 : 0

  publication_id = neonrep_publication.this.id
  name           = local.slot_name

  depends_on = [neonrep_grant.this, neonrep_grant.signals] # destroy drops the slot before the role of its consumer
}

data "neonrep_connection" "this" {
  project_id       = var.project_id
  branch_id        = var.branch_id
  database         = var.database
  role_id          = neonrep_role.this.id
  include_password = true
}

data "neonrep_readiness" "this" {
  project_id     = var.project_id
  branch_id      = var.branch_id
  database       = var.database
  destination    = var.destination
  publication_id = neonrep_publication.this.id
  role           = local.role
  slot           = one(neonrep_slot.this[*].slot_name)
  options        = var.consumer_options
}
