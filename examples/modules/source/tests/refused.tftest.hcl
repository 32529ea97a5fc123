run "a_destination_that_takes_no_schemas_needs_tables" {
  command = plan

  variables {
    destination = "fivetran"
  }

  expect_failures = [neonrep_publication.this]
}

run "a_destination_is_one_that_the_provider_knows" {
  command = plan

  variables {
    destination = "nobody"
  }

  expect_failures = [var.destination]
}
