# Against neon-stand-in, whose Postgres is a real one. It takes `project_id` from TF_VAR_project_id.
variables {
  name                = "orders"
  tables              = ["customers"]
  deletion_protection = false
}

run "the_slot_can_serve_its_consumer" {
  assert {
    condition     = neonrep_slot.this.status == "ok"
    error_message = "The slot was created after its publication."
  }
}
