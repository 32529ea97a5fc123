import {
  to = neonrep_logical_replication.this
  id = "lively-voice-12345678"
}
