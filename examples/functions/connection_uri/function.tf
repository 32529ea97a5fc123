variable "password" {
  type      = string
  sensitive = true
}

output "uri" {
  sensitive = true
  value     = provider::neonrep::connection_uri("ep-cool-darkness-123456.us-east-2.aws.neon.tech", 5432, "neondb", "consumer", var.password)
}
