terraform {
  required_version = ">= 1.5"

  required_providers {
    neonrep = { source = "neonrep/neonrep", version = "~> 0.1" }
  }
}

provider "neonrep" {} # NEON_API_KEY

variable "project_id" { type = string }

variable "branch_id" { type = string }

locals {
  database = "${var.project_id}/${var.branch_id}/neondb"
}

import {
  to = neonrep_logical_replication.this
  id = var.project_id
}

import {
  to = neonrep_replica_identity.playing_with_neon
  id = "${local.database}/public/playing_with_neon"
}

import {
  to = neonrep_publication.old
  id = "${local.database}/old_publication"
}

import {
  to = neonrep_slot.old
  id = "${local.database}/old_slot/old_publication"
}

resource "neonrep_logical_replication" "this" {
  project_id = var.project_id
}

resource "neonrep_replica_identity" "playing_with_neon" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  table      = "playing_with_neon"
  mode       = "full"
}

resource "neonrep_publication" "old" {
  project_id = neonrep_logical_replication.this.id
  database   = "neondb"
  name       = "old_publication"
  tables = [{
    name                = "playing_with_neon"
    replica_identity_id = neonrep_replica_identity.playing_with_neon.id
  }]
}

resource "neonrep_slot" "old" {
  publication_id = neonrep_publication.old.id
  name           = "old_slot"
}
