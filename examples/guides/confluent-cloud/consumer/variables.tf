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

variable "environment_id" {
  description = "Confluent Cloud environment."
  type        = string
}

variable "kafka_cluster_id" {
  description = "Kafka cluster."
  type        = string
}

variable "service_account_id" {
  description = "Service account that the connector acts as."
  type        = string
}

variable "topic_prefix" {
  description = "First part of the topics' names."
  type        = string
  default     = "neon"
}

variable "tables" {
  description = "Tables of schema `public` to copy. Each must be in the publication."
  type        = set(string)
  default     = ["playing_with_neon"]
}
