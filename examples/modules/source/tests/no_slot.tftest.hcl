# A destination that creates its slot, and writes a table.

variables {
  destination = "estuary"
  tables      = [{ name = "playing_with_neon" }]
}

run "the_table_of_the_consumer_is_created_and_no_slot" {
  assert {
    condition     = output.slot_name == null && length(neonrep_slot.this) == 0
    error_message = "The consumer creates the slot."
  }
  assert {
    condition     = [for it in neonrep_signal_table.this : it.name] == ["flow_watermarks"]
    error_message = "The consumer has its table."
  }
  assert {
    condition     = output.readiness.ready
    error_message = output.readiness.report
  }
}

run "a_mode_that_writes_nothing_needs_no_table" {
  variables {
    consumer_options = { read_only_capture = "true" }
  }

  assert {
    condition     = length(neonrep_signal_table.this) == 0 && output.readiness.ready
    error_message = output.readiness.report
  }
}
