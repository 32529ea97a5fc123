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

variable "service_id" {
  description = "ClickHouse Cloud service."
  type        = string
}

variable "destination_database" {
  description = "Database in ClickHouse."
  type        = string
  default     = "default"
}

variable "tables" {
  description = "Tables of schema `public` to copy. Each must be in the publication."
  type        = set(string)
  default     = ["playing_with_neon"]
}
