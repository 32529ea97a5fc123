terraform import neonrep_subscription.orders lively-voice-12345678/br-cool-rain-a1b2c3d4/neondb/orders
