terraform import neonrep_replica_identity.events lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/public/events
