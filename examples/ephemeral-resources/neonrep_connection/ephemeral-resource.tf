variable "project_id" {
  type = string
}

ephemeral "neonrep_connection" "owner" {
  project_id = var.project_id
  database   = "neondb"
  username   = "neondb_owner"
}

provider "neonrep" {
  alias = "direct"
  sql = {
    host     = ephemeral.neonrep_connection.owner.host
    port     = ephemeral.neonrep_connection.owner.port
    username = ephemeral.neonrep_connection.owner.username
    password = ephemeral.neonrep_connection.owner.password
  }
}
