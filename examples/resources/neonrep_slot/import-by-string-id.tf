import {
  to = neonrep_slot.databricks
  id = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/databricks_slot/databricks_publication"
}
