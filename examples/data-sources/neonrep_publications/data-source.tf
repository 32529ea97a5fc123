data "neonrep_publications" "this" {
  project_id = "lively-voice-12345678"
  database   = "neondb"
}

output "publications_of_all_tables" {
  value = [for it in data.neonrep_publications.this.publications : it.name if it.all_tables]
}
