output "connection" {
  description = "What the consumer logs in with: host, port, database, username, password."
  sensitive   = true
  value = {
    host     = data.neonrep_connection.this.host
    port     = data.neonrep_connection.this.port
    database = var.database
    username = local.role
    password = data.neonrep_connection.this.password
  }
}

output "role" {
  description = "Name of the role. Known once its grants exist."
  value       = local.role
}

output "publication_name" {
  value = neonrep_publication.this.name
}

output "slot_name" {
  description = "Null if the consumer creates its slot."
  value       = one(neonrep_slot.this[*].slot_name)
}

output "readiness" {
  description = "What the consumer would stumble over: ready, findings, and a report in Markdown."
  value = {
    ready    = data.neonrep_readiness.this.ready
    findings = data.neonrep_readiness.this.findings
    report   = data.neonrep_readiness.this.report
  }
}
