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
