# The list of the project already has entries, and these are added to it.
resource "neonrep_allowed_ips" "consumer" {
  project_id = "lively-voice-12345678"
  ips        = ["198.51.100.7", "203.0.113.0/28", "2001:db8::/64"]
}

# The list of this project is empty, so every other address is refused from now on.
resource "neonrep_allowed_ips" "all_clients" {
  project_id       = "quiet-river-87654321"
  ips              = ["192.0.2.10-192.0.2.19", "198.51.100.7"]
  enforce          = true
  provider_address = "192.0.2.10"
}
