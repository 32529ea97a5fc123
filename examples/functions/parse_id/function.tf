output "branch_id" {
  value = provider::neonrep::parse_id("shiny-wind-028834/br-aged-salad-637688/neondb/orders").branch_id
}
