variable "project_id" {
  type        = string
  description = "ID of the Neon project. The project and its tables must exist already."
}

variable "branch_id" {
  type        = string
  default     = null
  description = "ID of the branch. Defaults to the default branch of the project."
}

variable "database" {
  type        = string
  default     = "neondb"
  description = "Name of the database."
}

variable "name" {
  type        = string
  default     = null
  description = "Name of the role, and start of the names of publication and slot. Defaults to the names that the destination suggests. A name that the destination has fixed stays."
}

variable "schemas" {
  type        = set(string)
  default     = ["public"]
  description = "Schemas whose tables the role may read. They are published as a whole if tables is empty."
}

variable "tables" {
  type        = list(object({ schema = optional(string, "public"), name = string }))
  default     = []
  description = "Tables to publish. Only a destination that takes schemas can do without."
}

variable "consumer_options" {
  type        = map(string)
  default     = {}
  description = "Options of the consumer, as neonrep_readiness takes them. heartbeat_table and signal_table name a table to create, as schema.table."
}
