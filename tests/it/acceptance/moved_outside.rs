//! What holds the objects changes outside: the database is renamed, the default branch is another one, the compute is deleted.

use serde_json::json;

use crate::provider::change_default_branch;
use crate::support::outcome::Outcome;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// A grant, an identity, a publication with it, and a slot. `PLACE` says where.
const OBJECTS: &str = r#"
resource "neonrep_grant" "this" {
  PLACE
  role   = "reader"
  tables = [{ name = "a" }]
}

resource "neonrep_replica_identity" "this" {
  PLACE
  table = "a"
  mode  = "full"
}

resource "neonrep_publication" "this" {
  PLACE
  name   = "PUBLICATION"
  tables = [{ name = "a", replica_identity_id = neonrep_replica_identity.this.id }]
}
"#;

const SLOT: &str = r#"
resource "neonrep_slot" "this" {
  publication_id = neonrep_publication.this.id
  name           = "slot_one"
}
"#;

const RESOURCES: [&str; 3] = ["neonrep_grant.this", "neonrep_publication.this", "neonrep_replica_identity.this"];

fn objects(database: &str, publication: &str) -> String {
    let place = format!("project_id = var.project_id\n  database   = \"{database}\"");
    OBJECTS.replace("PLACE", &place).replace("PUBLICATION", publication)
}

fn started() -> StandIn {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sql_as_owner("CREATE TABLE a(id int PRIMARY KEY); CREATE TABLE b(id int PRIMARY KEY)").expect("tables");
    stand_in.sql("CREATE ROLE reader");
    stand_in.sql("CREATE DATABASE aside OWNER neondb_owner");
    stand_in
}

fn applied(stand_in: &StandIn, body: &str) -> Workspace {
    let workspace = Workspace::new(stand_in);
    workspace.write(body);
    workspace.apply();
    workspace
}

/// By SQL, or by the API: both keep what identifies the database.
fn rename(stand_in: &StandIn, by_api: bool) {
    if by_api {
        let path =
            format!("/projects/{}/branches/{}/databases/neondb", stand_in.ready.project_id, stand_in.ready.branch_id);
        let (status, answer) = stand_in.api("PATCH", &path, Some(&json!({"database": {"name": "renamed"}})));
        assert_eq!(status, 200, "{answer}");
        let there = "SELECT count(*) FROM pg_database WHERE datname = 'renamed'";
        while stand_in.value_in("aside", there) != "1" {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    } else {
        let sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'neondb'";
        stand_in.sql_in("aside", sessions);
        stand_in.sql_in("aside", "ALTER DATABASE neondb RENAME TO renamed");
    }
}

/// What is on the server, in the renamed database.
fn held(stand_in: &StandIn) -> String {
    stand_in.value_in(
        "renamed",
        "SELECT concat_ws(' ', has_table_privilege('reader', 'a', 'SELECT'),
            (SELECT relreplident FROM pg_class WHERE oid = 'a'::regclass), (SELECT oid FROM pg_publication),
            (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'))",
    )
}

/// The one error of each of these addresses names both names.
fn refused(plan: &Outcome) {
    let errors = plan.errors();
    assert!(!errors.is_empty(), "{}", plan.messages());
    for error in errors {
        for part in ["`neondb` was renamed", "`renamed`"] {
            assert!(error.text().contains(part), "{part}: {error:?}");
        }
    }
}

#[test]
fn objects_of_a_renamed_database_stay_and_the_configuration_follows_in_place() {
    for by_api in [false, true] {
        let stand_in = started();
        let workspace = applied(&stand_in, &format!("{}{SLOT}", objects("neondb", "pub_one")));
        rename(&stand_in, by_api);
        let before = held(&stand_in);
        refused(&workspace.plan_fails());
        assert_eq!((held(&stand_in), workspace.addresses().len()), (before.clone(), 4));

        workspace.write(&format!("{}{SLOT}", objects("renamed", "pub_one")));
        // Without a refresh the state has the old name: what would replace everything is refused.
        refused(&workspace.try_plan(&["-refresh=false"]).expect_failure());
        let plan = workspace.plan();
        plan.insist_warning("was renamed");
        assert_eq!(plan.changes(), Vec::<String>::new());
        workspace.apply();
        assert_eq!(held(&stand_in), before);
        for address in RESOURCES {
            assert_eq!(workspace.attributes(address)["database"], "renamed", "{address}");
            let id = workspace.attributes(address)["id"].to_string();
            assert!(id.contains("/renamed/"), "{id}");
        }
        // Under the new name everything works: a change in place, and the destroy.
        let more = objects("renamed", "pub_one").replace("[{ name = \"a\" }]", "[{ name = \"a\" }, { name = \"b\" }]");
        workspace.write(&format!("{more}{SLOT}"));
        workspace.apply();
        workspace.destroy();
        assert_eq!(held(&stand_in), "f d 0");
    }
}

#[test]
fn a_destroy_finds_the_objects_of_a_renamed_database() {
    for arguments in [&["-refresh=false"][..], &[]] {
        let stand_in = started();
        let workspace = applied(&stand_in, &objects("neondb", "pub_one"));
        rename(&stand_in, false);
        // With a refresh, the plan before the destroy compares the configuration: it must follow first.
        if arguments.is_empty() {
            workspace.write(&objects("renamed", "pub_one"));
        }
        workspace.destroy_with(arguments);
        assert_eq!(held(&stand_in), "f d 0");
    }
}

#[test]
fn a_database_that_took_the_old_name_gets_nothing() {
    let stand_in = started();
    let workspace = applied(&stand_in, &objects("neondb", "pub_one"));
    rename(&stand_in, false);
    stand_in.sql_in("aside", "CREATE DATABASE neondb OWNER neondb_owner");
    let before = held(&stand_in);
    workspace.write(&objects("renamed", "pub_one"));
    workspace.plan().insist_warning("was renamed");
    workspace.apply();
    assert_eq!(held(&stand_in), before);
    workspace.destroy();
    assert_eq!(held(&stand_in), "f d 0");
}

#[test]
fn objects_go_with_a_database_that_was_dropped() {
    let stand_in = started();
    let workspace = applied(&stand_in, &objects("neondb", "pub_one"));
    stand_in.sql_in("aside", "DROP DATABASE neondb WITH (FORCE)");
    workspace.refresh();
    assert!(workspace.addresses().is_empty(), "{:?}", workspace.addresses());
}

#[test]
fn a_data_source_names_the_databases_that_there_are() {
    let stand_in = started();
    let workspace = Workspace::new(&stand_in);
    rename(&stand_in, false);
    workspace.write(
        r#"
data "neonrep_publications" "all" {
  project_id = var.project_id
  database   = "neondb"
}
"#,
    );
    let error = workspace.plan_fails().error();
    for part in ["`neondb`", "`aside` and `renamed`", "was renamed"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
}

#[test]
fn a_role_created_with_sql_outlives_the_rename_of_the_database_that_it_was_created_from() {
    let stand_in = started();
    let role = |database: &str| {
        format!(
            r#"
resource "neonrep_role" "this" {{
  project_id     = var.project_id
  name           = "by_sql"
  neon_superuser = false
  database       = "{database}"
}}
"#
        )
    };
    let workspace = applied(&stand_in, &role("neondb"));
    rename(&stand_in, false);
    assert_eq!(workspace.plan().changes(), Vec::<String>::new());
    workspace.write(&role("renamed"));
    assert_eq!(workspace.plan().changes(), ["neonrep_role.this update"]);
    workspace.apply();
    workspace.destroy();
    assert_eq!(stand_in.value_in("renamed", "SELECT count(*) FROM pg_roles WHERE rolname = 'by_sql'"), "0");
}

#[test]
fn a_replacement_stays_on_its_branch_when_the_default_branch_changes() {
    let stand_in = started();
    let workspace = applied(&stand_in, &objects("neondb", "pub_one"));
    let old = stand_in.ready.branch_id.clone();
    change_default_branch(&stand_in);
    let branch = |address: &str| workspace.attributes(address)["branch_id"].as_str().unwrap_or_default().to_owned();

    // By an argument that replaces.
    workspace.write(&objects("neondb", "pub_two"));
    workspace.plan().insist_warning("Replacement stays on branch");
    workspace.apply();
    assert_eq!(branch("neonrep_publication.this"), old);
    // By a flag that no plan call sees.
    for address in RESOURCES {
        workspace.apply_with(&[&format!("-replace={address}")]);
        assert_eq!(branch(address), old, "{address}");
    }
    assert_eq!(stand_in.value("SELECT string_agg(pubname, ' ') FROM pg_publication"), "pub_two");
    workspace.destroy();
}

#[test]
fn a_branch_that_the_configuration_names_no_more_stays() {
    let stand_in = started();
    let named =
        |id: &str| objects("neondb", "pub_one").replace("database ", &format!("branch_id = \"{id}\"\n  database "));
    let old = stand_in.ready.branch_id.clone();
    let workspace = applied(&stand_in, &named(&old));
    workspace.write(&objects("neondb", "pub_one"));
    workspace.insist_on_empty_plan();
    change_default_branch(&stand_in);
    for address in RESOURCES {
        workspace.apply_with(&[&format!("-replace={address}")]);
        assert_eq!(workspace.attributes(address)["branch_id"], old.as_str(), "{address}");
    }
    workspace.destroy();
}

#[test]
fn a_deleted_compute_is_named_and_the_state_is_kept() {
    let stand_in = started();
    let workspace = applied(&stand_in, &objects("neondb", "pub_one"));
    let path = format!("/projects/{}/endpoints/{}", stand_in.ready.project_id, stand_in.ready.endpoint_id);
    let mut status = stand_in.api("DELETE", &path, None).0;
    while status == 423 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        status = stand_in.api("DELETE", &path, None).0;
    }
    assert_eq!(status, 200);
    let plan = workspace.plan_fails();
    for error in plan.errors() {
        for part in ["has no compute", "Add one", &stand_in.ready.branch_id] {
            assert!(error.text().contains(part), "{part}: {error:?}");
        }
    }
    assert_eq!(workspace.addresses(), RESOURCES);
    let outcome = workspace.try_destroy(&["-refresh=false"]).expect_failure();
    outcome.insist_error("has no compute");
    assert_eq!(workspace.addresses(), RESOURCES);
}
