output "settings" { # for clickhouse_clickpipe … source.postgres.settings
  value = provider::neonrep::clickpipes_settings("clickpipes_publication", "cdc", null)
}
