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

variable "destination_id" {
  description = "Airbyte destination that receives the tables."
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
