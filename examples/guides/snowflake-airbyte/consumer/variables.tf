variable "connection" {
  description = "Output `connection` of the example."
  sensitive   = true
  type = object({
    host     = string
    port     = number
    database = string
    username = string
    password = string
  })
}

variable "publication_name" {
  description = "Output `publication_name` of the example."
  type        = string
}

variable "slot_name" {
  description = "Output `slot_name` of the example."
  type        = string
}

variable "workspace_id" {
  description = "Airbyte workspace."
  type        = string
}

variable "host" {
  description = "Snowflake account host, such as `xy12345.eu-central-1.snowflakecomputing.com`."
  type        = string
}

variable "database" {
  description = "Snowflake database that Airbyte loads into. It is created."
  type        = string
  default     = "NEON"
}

variable "schema" {
  description = "Schema in that database."
  type        = string
  default     = "PUBLIC"
}

variable "private_key" {
  description = "Private key of the user that Airbyte logs in as, PEM."
  type        = string
  sensitive   = true
}

variable "public_key" {
  description = "The public key that belongs to it, on one line, without header and trailer."
  type        = string
}

variable "heartbeat_action_query" {
  description = "Statement that Airbyte runs on a quiet database, so that its saved position and the slot stay together."
  type        = string
  default     = "SELECT pg_logical_emit_message(true, 'airbyte', '')"
}

variable "tables" {
  description = "Tables of schema `public` to copy. Each must be in the publication."
  type        = set(string)
  default     = ["playing_with_neon"]
}
