data "neonrep_roles" "this" {
  project_id = "lively-voice-12345678"
}

output "own_roles" {
  value = [for role in data.neonrep_roles.this.roles : role.name if !role.protected]
}
