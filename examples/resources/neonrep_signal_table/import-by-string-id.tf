import {
  to = neonrep_signal_table.watermarks
  id = "lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/public/flow_watermarks"
}
