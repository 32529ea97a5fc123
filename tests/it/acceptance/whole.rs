//! Stories of whole configurations: imported at once, under odd names, with a provider block that is not known yet.

use serde_json::Value;

use crate::support::sql::{identifier, literal};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// The configuration of `interface.md`, as a user copies it.
const GUIDE: &str = include_str!("../../../examples/guides/databricks-lakeflow/main.tf");

#[test]
fn what_was_lost_from_the_state_is_imported_in_one_plan_that_only_adopts() {
    let stand_in = StandIn::start(17);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", GUIDE);
    workspace.apply();
    let before = workspace.state();
    for file in ["terraform.tfstate", "terraform.tfstate.backup"] {
        let _ = std::fs::remove_file(workspace.path().join(file));
    }
    let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
    let ids = [
        ("neonrep_logical_replication.this", project.clone()),
        ("neonrep_role.databricks", format!("{project}/{branch}/databricks_replication")),
        ("neonrep_grant.databricks", stand_in.id_of("databricks_replication/public")),
        ("neonrep_replica_identity.playing_with_neon", stand_in.id_of("public/playing_with_neon")),
        ("neonrep_publication.databricks", stand_in.id_of("databricks_publication")),
        ("neonrep_slot.databricks", stand_in.id_of("databricks_slot")),
    ];
    let imports: Vec<String> =
        ids.iter().map(|(to, id)| format!("import {{\n  to = {to}\n  id = {id:?}\n}}\n")).collect();
    workspace.write_file("imports.tf", &imports.concat());

    let plan = workspace.plan_json();
    let changes = plan["resource_changes"].as_array().expect("changes");
    let mut imported = 0;
    for change in changes.iter().filter(|it| it["mode"] == "managed") {
        let actions = &change["change"]["actions"];
        let in_place = *actions == serde_json::json!(["no-op"]) || *actions == serde_json::json!(["update"]);
        assert!(in_place, "{} is not only adopted: {actions}", change["address"]);
        assert!(change["change"]["importing"].is_object(), "{} is not imported", change["address"]);
        imported += 1;
    }
    assert_eq!(imported, ids.len());
    workspace.apply();
    // What the state says of the world is what it said before; what was there before the first apply is not known any more.
    let attributes = |state: &Value, address: &str, name: &str| {
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        resources.into_iter().find(|it| it["address"] == address).map(|it| it["values"][name].clone())
    };
    let after = workspace.state();
    for (address, names) in [
        ("neonrep_slot.databricks", &["id", "publication_id", "publication_oid", "status"][..]),
        ("neonrep_publication.databricks", &["id", "oid", "tables", "publish"]),
        ("neonrep_grant.databricks", &["id", "schemas", "privileges", "future_tables", "missing"]),
        ("neonrep_role.databricks", &["id", "name"]),
    ] {
        for name in names {
            assert_eq!(attributes(&after, address, name), attributes(&before, address, name), "{address}.{name}");
        }
    }
    let _ = std::fs::remove_file(workspace.path().join("imports.tf"));
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'databricks_replication'"), "0");
}

#[test]
fn odd_names_work_everywhere_and_through_import() {
    let stand_in = StandIn::start_logical(17);
    let longest = "ü".repeat(31) + "x"; // 63 bytes
    for odd in [r#"a "quoted" 'one'; DROP TABLE x"#, "dots.and/slashes,%41 and space", longest.as_str(), "Capital"] {
        let table = format!("{}.{}", identifier(odd), identifier(odd));
        let made = format!("CREATE SCHEMA {0}; CREATE TABLE {table}(id INT PRIMARY KEY)", identifier(odd));
        stand_in.sql_as_owner(&made).expect("a schema and a table");
        let workspace = Workspace::new(&stand_in);
        // Terraform's own quoting of strings: JSON's, save for template marks.
        let name = serde_json::to_string(odd).expect("a string").replace("%{", "%%{").replace("${", "$${");
        workspace.write(&format!(
            "locals {{\n  odd = {name}\n}}\n\n\
             resource \"neonrep_replica_identity\" \"this\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
             schema = local.odd\n  table = local.odd\n  mode = \"full\"\n}}\n\n\
             resource \"neonrep_publication\" \"this\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
             name = local.odd\n  tables = [{{ schema = local.odd, name = local.odd, \
             replica_identity_id = neonrep_replica_identity.this.id }}]\n}}\n\n\
             resource \"neonrep_slot\" \"this\" {{\n  publication_id = neonrep_publication.this.id\n  name = \"odd\"\n}}\n"
        ));
        workspace.apply();
        let of_publication =
            format!("SELECT count(*) FROM pg_publication_tables WHERE pubname = {0} AND tablename = {0}", literal(odd));
        assert_eq!(stand_in.value(&of_publication), "1", "{odd}");
        for address in ["neonrep_slot.this", "neonrep_publication.this", "neonrep_replica_identity.this"] {
            let id = workspace.attributes(address)["id"].as_str().expect("an id").to_owned();
            workspace.forget(address);
            workspace.import(address, &id).expect_success();
        }
        workspace.apply();
        workspace.destroy();
        assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0", "{odd}");
    }
}

#[test]
fn a_provider_block_that_is_not_known_yet_loses_nothing() {
    let stand_in = StandIn::start_logical(17);
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("NEON_API_KEY", "");
    workspace.set_env("TF_VAR_key", &stand_in.ready.api_key);
    let configuration = |round: u32| {
        format!(
            "terraform {{\n  required_providers {{\n    neonrep = {{ source = \"neonrep/neonrep\" }}\n  }}\n}}\n\
             variable \"project_id\" {{ type = string }}\nvariable \"key\" {{ type = string }}\n\
             resource \"terraform_data\" \"key\" {{\n  input = {{ key = var.key, round = {round} }}\n}}\n\
             provider \"neonrep\" {{\n  api_key = terraform_data.key.output.key\n}}\n\
             resource \"neonrep_publication\" \"this\" {{\n  project_id = var.project_id\n  database = \"neondb\"\n  \
             name = \"pub_one\"\n  tables = [{{ name = \"playing_with_neon\" }}]\n}}\n\
             resource \"neonrep_slot\" \"this\" {{\n  publication_id = neonrep_publication.this.id\n  name = \"slot_one\"\n}}\n"
        )
    };
    workspace.write_file("main.tf", &configuration(1));
    workspace.apply();
    let before = workspace.attributes("neonrep_slot.this");
    // The key is only known after apply again: what is there stays as it is, with one word about it.
    workspace.write_file("main.tf", &configuration(2));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["terraform_data.key update"]);
    let told = plan.warnings().into_iter().filter(|it| it.text().contains("known only after apply")).count();
    assert_eq!(told, 1, "{}", plan.messages());
    workspace.apply();
    assert_eq!(workspace.attributes("neonrep_slot.this"), before);
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn no_key_at_all_is_said_at_once() {
    let stand_in = StandIn::start(17);
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("NEON_API_KEY", "");
    workspace.write("resource \"neonrep_logical_replication\" \"this\" {\n  project_id = var.project_id\n}\n");
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("NEON_API_KEY") && error.text().contains("api_key"), "{error:?}");
}
