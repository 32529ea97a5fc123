terraform {
  required_version = ">= 1.5"

  required_providers {
    confluent = { source = "confluentinc/confluent", version = "~> 2.83" }
  }
}

resource "confluent_connector" "neon" {
  environment {
    id = var.environment_id
  }

  kafka_cluster {
    id = var.kafka_cluster_id
  }

  config_sensitive = {
    "database.password" = var.connection.password
  }

  config_nonsensitive = {
    "connector.class"             = "PostgresCdcSourceV2"
    "name"                        = "neon"
    "kafka.auth.mode"             = "SERVICE_ACCOUNT"
    "kafka.service.account.id"    = var.service_account_id
    "database.hostname"           = nonsensitive(var.connection.host)
    "database.port"               = tostring(nonsensitive(var.connection.port))
    "database.user"               = nonsensitive(var.connection.username)
    "database.dbname"             = nonsensitive(var.connection.database)
    "database.sslmode"            = "require"
    "topic.prefix"                = var.topic_prefix
    "slot.name"                   = var.slot_name
    "publication.name"            = var.publication_name
    "publication.autocreate.mode" = "disabled"
    "table.include.list"          = join(",", [for table in var.tables : "public.${table}"])
    "snapshot.mode"               = "initial"
    "heartbeat.interval.ms"       = "10000"
    "output.data.format"          = "JSON"
    "output.key.format"           = "JSON"
    "tasks.max"                   = "1"
  }
}
