# A destination whose slot Terraform creates, and one table without a primary key.

variables {
  destination = "airbyte"
  tables      = [{ name = "playing_with_neon" }, { name = "events" }]
  consumer_options = {
    heartbeat_action_query = "INSERT INTO airbyte_heartbeat (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET beat = now()"
    heartbeat_table        = "public.airbyte_heartbeat"
  }
}

run "everything_is_created" {
  assert {
    condition     = output.readiness.ready && length([for it in output.readiness.findings : it if it.check == "heartbeat"]) == 0
    error_message = output.readiness.report
  }
  assert {
    condition     = output.slot_name == "airbyte_slot" && output.publication_name == "airbyte_publication"
    error_message = "The names are those that the destination suggests."
  }
  assert {
    condition     = output.role == "airbyte_replication" && output.connection.username == output.role && output.connection.password != null
    error_message = "The consumer logs in as the role that was created."
  }
  assert {
    condition     = keys(neonrep_replica_identity.this) == ["public.events"]
    error_message = "Only the table without a primary key gets replica identity FULL."
  }
  assert {
    condition     = contains([for it in neonrep_publication.this.tables : it.name], "airbyte_heartbeat")
    error_message = "The heartbeat is in the stream."
  }
}

run "nothing_is_left_to_do" {
  command = plan

  assert {
    condition     = length(neonrep_slot.this[0].id) > 0 && length(neonrep_publication.this.id) > 0
    error_message = "Nothing is replaced."
  }
}

run "a_name_is_the_start_of_all_names" {
  variables {
    name = "lake"
  }

  assert {
    condition     = [output.role, output.publication_name, output.slot_name] == ["lake", "lake_publication", "lake_slot"]
    error_message = "Role, publication and slot are named after the module."
  }
}
