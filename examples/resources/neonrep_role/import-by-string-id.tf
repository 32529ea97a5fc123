import {
  to = neonrep_role.databricks
  id = "lively-voice-12345678/br-cool-rain-a1b2c3d4/databricks_replication"
}
