mock_provider "neonrep" {
  # Values that the Neon API and Postgres would give. Values of Terraform's own making are refused: an ID has a form.
  mock_resource "neonrep_logical_replication" {
    defaults = {
      id = "lively-voice-12345678"
    }
  }

  mock_resource "neonrep_role" {
    defaults = {
      id        = "lively-voice-12345678/br-cool-rain-a1b2c3d4/orders_role"
      branch_id = "br-cool-rain-a1b2c3d4"
    }
  }

  mock_resource "neonrep_grant" {
    defaults = {
      id        = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/orders_role"
      branch_id = "br-cool-rain-a1b2c3d4"
    }
  }

  mock_resource "neonrep_publication" {
    defaults = {
      id        = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/orders_publication"
      branch_id = "br-cool-rain-a1b2c3d4"
    }
  }

  mock_resource "neonrep_slot" {
    defaults = {
      id               = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/orders_slot"
      project_id       = "lively-voice-12345678"
      branch_id        = "br-cool-rain-a1b2c3d4"
      database         = "neondb"
      slot_name        = "orders_slot"
      publication_name = "orders_publication"
      status           = "ok"
    }
  }

  mock_data "neonrep_connection" {
    defaults = {
      host      = "ep-cool-darkness-123456.us-east-2.aws.neon.tech"
      port      = 5432
      branch_id = "br-cool-rain-a1b2c3d4"
    }
  }
}

variables {
  project_id          = "lively-voice-12345678"
  name                = "orders"
  tables              = ["customers", "orders"]
  deletion_protection = false
}

run "names_follow_the_module" {
  command = plan

  assert {
    condition     = neonrep_publication.this.name == "orders_publication"
    error_message = "The publication is named after the module."
  }
  assert {
    condition     = [for it in neonrep_grant.this.tables : it.name] == [for it in neonrep_publication.this.tables : it.name]
    error_message = "The role reads what is published."
  }
}

run "the_slot_is_handed_on" {
  assert {
    condition     = output.slot.slot_name == "orders_slot" && output.slot.publication_name == "orders_publication"
    error_message = "The consumer gets the names of slot and publication."
  }
}
