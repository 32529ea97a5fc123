terraform import neonrep_allowed_ips.consumer lively-voice-12345678
