import {
  to = neonrep_allowed_ips.consumer
  id = "lively-voice-12345678"
}
