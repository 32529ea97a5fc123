terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

variable "database" {
  type    = string
  default = "neondb"
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_role" "peerdb" {
  project_id = neonrep_logical_replication.this.id
  name       = "peerdb_user"
}

resource "neonrep_grant" "peerdb" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  role       = neonrep_role.peerdb.name
  schemas    = ["public"]
}

resource "neonrep_publication" "peerdb" {
  project_id = neonrep_logical_replication.this.id
  database   = var.database
  name       = "peerdb"
  tables     = [{ name = "playing_with_neon" }]

  publish_via_partition_root = true # partitions arrive under the name of their table
}

data "neonrep_connection" "peerdb" {
  project_id       = var.project_id # plain values: a pending change of any resource named here would put off this read
  database         = var.database
  role_id          = neonrep_role.peerdb.id
  include_password = true
}

locals {
  connection = {
    host     = data.neonrep_connection.peerdb.host
    port     = data.neonrep_connection.peerdb.port
    database = var.database
    username = neonrep_grant.peerdb.role # grants come before the first read
    password = data.neonrep_connection.peerdb.password
  }
}

output "connection" {
  sensitive = true
  value     = local.connection
}

output "publication_name" {
  value = neonrep_publication.peerdb.name
}

output "peer" { # SQL for PeerDB: the peer is this database
  sensitive = true
  value     = <<-SQL
    CREATE PEER neon FROM POSTGRES WITH (
      host = '${local.connection.host}',
      port = '${local.connection.port}',
      user = '${local.connection.username}',
      password = '${local.connection.password}',
      database = '${local.connection.database}'
    );
  SQL
}

output "mirror" { # SQL for PeerDB: clickhouse is the name of your peer there
  value = <<-SQL
    CREATE MIRROR neon_to_clickhouse FROM neon TO clickhouse
      WITH TABLE MAPPING (public.playing_with_neon:playing_with_neon)
      WITH (do_initial_copy = true, publication_name = '${neonrep_publication.peerdb.name}');
  SQL
}
