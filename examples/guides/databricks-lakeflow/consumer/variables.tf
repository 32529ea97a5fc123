variable "connection_options" {
  description = "Output `databricks_connection_options` of the example."
  sensitive   = true
  type = object({
    host     = string
    port     = string
    user     = string
    password = string
  })
}

variable "slot_config" {
  description = "Output `databricks_slot_config` of the example."
  type = object({
    slot_name        = string
    publication_name = string
  })
}

variable "database" {
  description = "Database in Neon."
  type        = string
  default     = "neondb"
}

variable "catalog" {
  description = "Unity Catalog catalog for the staging volume and the copied tables."
  type        = string
}

variable "schema" {
  description = "Schema in that catalog for the staging volume and the copied tables."
  type        = string
}

variable "tables" {
  description = "Tables of schema `public` to copy. Each must be in the publication."
  type        = set(string)
  default     = ["playing_with_neon"]
}
