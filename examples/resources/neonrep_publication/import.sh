terraform import neonrep_publication.databricks lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/databricks_publication
