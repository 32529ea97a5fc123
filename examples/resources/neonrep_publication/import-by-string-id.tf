import {
  to = neonrep_publication.databricks
  id = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/databricks_publication"
}
