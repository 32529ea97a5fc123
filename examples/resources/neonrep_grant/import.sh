terraform import neonrep_grant.schema lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/databricks_replication/public
