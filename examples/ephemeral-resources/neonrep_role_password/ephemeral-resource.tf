ephemeral "neonrep_role_password" "consumer" {
  role_id = "lively-voice-12345678/br-aged-salad-637688/consumer"
}

provider "neonrep" {
  alias          = "consumer"
  role_passwords = { consumer = ephemeral.neonrep_role_password.consumer.password }
}
