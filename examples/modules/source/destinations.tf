# Rendered from what the provider knows of each destination. `make generate` writes it.

variable "destination" {
  type        = string
  description = "The consumer, as neonrep_readiness names it."

  validation {
    condition = contains([
      "airbyte",
      "bemi",
      "clickpipes",
      "confluent_cloud",
      "databricks_airbyte",
      "databricks_lakeflow",
      "debezium",
      "decodable",
      "estuary",
      "fivetran",
      "inngest",
      "materialize",
      "neon_subscriber",
      "peerdb",
      "postgres_subscriber",
      "prisma_pulse",
      "sequin",
      "snowflake_airbyte",
    ], var.destination)
    error_message = "Not a destination. The list is in destinations.tf."
  }
}

locals {
  destinations = {
    airbyte = {
      publication        = "airbyte_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "airbyte_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    bemi = {
      publication        = "bemi"
      publication_fixed  = true
      takes_schemas      = false
      via_partition_root = false
      slot               = "bemi"
      slot_fixed         = true
      own_slot           = false
      own_slot_if        = {}
      privileges         = []
      full_identity      = false
      writes             = []
    }
    clickpipes = {
      publication        = "clickpipes"
      publication_fixed  = false
      takes_schemas      = true
      via_partition_root = true
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = { replication_mode = "cdc_only" }
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    confluent_cloud = {
      publication        = "dbz_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "debezium"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    databricks_airbyte = {
      publication        = "airbyte_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "airbyte_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    databricks_lakeflow = {
      publication        = "databricks_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = true
      slot               = "databricks_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    debezium = {
      publication        = "dbz_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "debezium"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    decodable = {
      publication        = "dbz_publication"
      publication_fixed  = true
      takes_schemas      = false
      via_partition_root = false
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = true
      writes             = []
    }
    estuary = {
      publication        = "flow_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = true
      slot               = "flow_slot"
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = [{ table = "public.flow_watermarks", shape = "estuary_watermarks", privileges = ["SELECT", "INSERT", "UPDATE"] }]
    }
    fivetran = {
      publication        = "fivetran_pub"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "fivetran_pgoutput_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    inngest = {
      publication        = "inngest"
      publication_fixed  = true
      takes_schemas      = false
      via_partition_root = false
      slot               = "inngest_cdc"
      slot_fixed         = true
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    materialize = {
      publication        = "mz_source"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = true
      writes             = []
    }
    neon_subscriber = {
      publication        = "neon_publication"
      publication_fixed  = false
      takes_schemas      = true
      via_partition_root = false
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = { create_slot = "false" }
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    peerdb = {
      publication        = "peerdb"
      publication_fixed  = false
      takes_schemas      = true
      via_partition_root = true
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = { do_initial_copy = "false" }
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    postgres_subscriber = {
      publication        = "postgres_publication"
      publication_fixed  = false
      takes_schemas      = true
      via_partition_root = false
      slot               = null
      slot_fixed         = false
      own_slot           = false
      own_slot_if        = { create_slot = "false" }
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    prisma_pulse = {
      publication        = "prisma_pulse_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "prisma_pulse_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    sequin = {
      publication        = "sequin_pub"
      publication_fixed  = false
      takes_schemas      = true
      via_partition_root = true
      slot               = "sequin_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
    snowflake_airbyte = {
      publication        = "airbyte_publication"
      publication_fixed  = false
      takes_schemas      = false
      via_partition_root = false
      slot               = "airbyte_slot"
      slot_fixed         = false
      own_slot           = true
      own_slot_if        = {}
      privileges         = ["SELECT"]
      full_identity      = false
      writes             = []
    }
  }
}
