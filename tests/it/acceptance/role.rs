//! `neonrep_role`: created by the API, its password stored on request, what it owns never lost in silence.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::on_every_postgres;
use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const ADDRESS: &str = "neonrep_role.this";

fn role(more: &str) -> String {
    named("reader", more)
}

fn named(name: &str, more: &str) -> String {
    format!(
        r#"
resource "neonrep_role" "this" {{
  project_id = var.project_id
  name       = {name:?}
  {more}
}}
"#
    )
}

fn started(more: &str) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&role(more));
    (stand_in, workspace)
}

fn exists(stand_in: &StandIn, name: &str) -> bool {
    stand_in.value(&format!("SELECT count(*) FROM pg_roles WHERE rolname = {}", sql::literal(name))) == "1"
}

/// The id of a role of the default branch.
fn id(stand_in: &StandIn, name: &str) -> String {
    format!("{}/{}/{name}", stand_in.ready.project_id, stand_in.ready.branch_id)
}

/// A role that somebody else created through the API, and its password.
pub(super) fn made_elsewhere(stand_in: &StandIn, name: &str) -> String {
    let path = format!("/projects/{}/branches/{}/roles", stand_in.ready.project_id, stand_in.ready.branch_id);
    let (status, answer) = stand_in.api("POST", &path, Some(&json!({ "role": { "name": name } })));
    assert_eq!(status, 201, "{answer}");
    let until = Instant::now() + Duration::from_secs(20);
    for operation in answer["operations"].as_array().into_iter().flatten() {
        let id = operation["id"].as_str().expect("an id");
        let path = format!("/projects/{}/operations/{id}", stand_in.ready.project_id);
        while stand_in.api("GET", &path, None).1["operation"]["status"] != "finished" {
            assert!(Instant::now() < until, "the role was not made");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    answer["role"]["password"].as_str().expect("a password").to_owned()
}

#[test]
fn a_role_lives_on_every_postgres() {
    on_every_postgres(|stand_in| {
        let workspace = Workspace::new(stand_in);
        workspace.write(&role(""));
        workspace.apply();
        let attributes = workspace.attributes(ADDRESS);
        assert_eq!(attributes["id"], id(stand_in, "reader"));
        assert_eq!(attributes["branch_id"], stand_in.ready.branch_id.as_str());
        assert_eq!((&attributes["adopted"], &attributes["password"]), (&json!(false), &Value::Null));
        let replication =
            stand_in.value("SELECT rolreplication AND rolcanlogin FROM pg_roles WHERE rolname = 'reader'");
        assert_eq!(replication, "t");

        // In place: nothing is asked of the API.
        stand_in.forget_requests();
        workspace.write(&role("force_destroy = true"));
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
        workspace.apply();
        assert!(stand_in.requests().iter().all(|it| it["method"] == "GET"));

        // Dropped outside.
        stand_in.sql("DROP ROLE reader");
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} create")]);
        workspace.apply();

        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &id(stand_in, "reader")).expect_success();
        workspace.write(&role(""));
        workspace.insist_on_empty_plan();

        workspace.destroy();
        assert!(!exists(stand_in, "reader"));
    });
}

#[test]
fn an_existing_role_is_adopted_only_on_request() {
    let (stand_in, workspace) = started("");
    made_elsewhere(&stand_in, "reader");
    let error = workspace.apply_fails().error();
    assert!(error.is_on("name"), "{error:?}");
    for part in ["already exists", &id(&stand_in, "reader"), "adopt = true"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    workspace.write(&role("adopt = true"));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["adopted"], true);
    workspace.destroy().insist_warning("was kept");
    assert!(exists(&stand_in, "reader"));
}

#[test]
fn a_replacement_created_first_is_the_same_role() {
    let first = "lifecycle { create_before_destroy = true }";
    let (stand_in, workspace) = started(first);
    workspace.apply();
    workspace.apply_fails_with(&["-replace=neonrep_role.this"]).insist_error("create_before_destroy");
    assert!(exists(&stand_in, "reader"));
    workspace.write(&role(&format!("adopt = true\n{first}")));
    workspace.apply();
    workspace.apply_with(&["-replace=neonrep_role.this"]).insist_warning("created or adopted it under the same name");
    assert!(exists(&stand_in, "reader"));
}

fn rotated(day: &str) -> String {
    role(&format!(
        r"
  store_password      = true
  rotate_when_changed = {{ day = {day:?} }}
"
    ))
}

#[test]
fn a_password_is_stored_and_rotated_only_on_request() {
    let (stand_in, workspace) = started("");
    workspace.apply();
    let first = stand_in.password_of("reader");
    workspace.no_secret_anywhere(&[&first]);

    workspace.write(&role("store_password = true"));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["password"], first.as_str());

    // The first value rotates nothing, another one does.
    workspace.write(&rotated("1"));
    workspace.apply();
    assert_eq!(stand_in.password_of("reader"), first);
    workspace.write(&rotated("2"));
    workspace.plan().insist_warning("will change");
    workspace.apply().insist_warning("has a new password");
    let second = stand_in.password_of("reader");
    assert_ne!(second, first);
    assert_eq!(workspace.attributes(ADDRESS)["password"], second.as_str());
    assert!(stand_in.sql_as("reader", &second, "SELECT 1").is_ok());

    // Removed, nothing rotates, and the state forgets it.
    workspace.write(&role(""));
    workspace.apply();
    assert_eq!(stand_in.password_of("reader"), second);
    assert_eq!(workspace.attributes(ADDRESS)["password"], Value::Null);

    // Changed by others: the state follows.
    workspace.write(&role("store_password = true"));
    workspace.apply();
    let path = format!(
        "/projects/{}/branches/{}/roles/reader/reset_password",
        stand_in.ready.project_id, stand_in.ready.branch_id
    );
    assert_eq!(stand_in.api("POST", &path, None).0, 200);
    let third = stand_in.password_of("reader");
    workspace.refresh();
    assert_eq!(workspace.attributes(ADDRESS)["password"], third.as_str());
}

#[test]
fn a_password_that_nothing_stores_is_refused_at_plan() {
    let (stand_in, workspace) = started("");
    stand_in.settings(&json!({ "store_passwords": false }));
    let error = workspace.plan_fails().error();
    // The argument is not written, so it points at the block.
    assert!(error.address == ADDRESS && error.text().contains("password_cannot_be_known"), "{error:?}");
    // Two ways past it.
    let skipping = r#"
provider "neonrep" {
  skip_checks = ["password_cannot_be_known"]
}

variable "project_id" { type = string }
"#;
    workspace.write_with_provider(&format!("{skipping}{}", role("")));
    workspace.plan();
    workspace.write(&role("store_password = true"));
    workspace.apply();
    let password = workspace.attributes(ADDRESS)["password"].as_str().expect("a password").to_owned();
    assert!(stand_in.sql_as("reader", &password, "SELECT 1").is_ok());
    // No database can be entered, so what it owns is not known.
    let error = workspace.try_destroy(&[]).expect_failure().error();
    for part in ["does not store passwords", "force_destroy = true"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert!(exists(&stand_in, "reader"));
    workspace.write(&role(
        r"
  store_password = true
  force_destroy  = true
",
    ));
    workspace.apply();
    workspace.destroy();
    assert!(!exists(&stand_in, "reader"));
}

#[test]
fn what_a_role_owns_is_listed_before_it_changes_hands() {
    let (stand_in, workspace) = started("");
    workspace.apply();
    stand_in.admin("POST", "/databases", Some(&json!({ "name": "other" })));
    stand_in.sql("CREATE TABLE mine (i int); ALTER TABLE mine OWNER TO reader");
    stand_in.sql_in("other", "CREATE TABLE theirs (i int); ALTER TABLE theirs OWNER TO reader");
    let error = workspace.try_destroy(&[]).expect_failure().error();
    for part in ["public.mine", "`other`", "force_destroy"] {
        assert!(error.text().contains(part), "{part}: {error:?}");
    }
    assert!(exists(&stand_in, "reader") && workspace.addresses() == [ADDRESS]);
    workspace.write(&role("force_destroy = true"));
    workspace.apply();
    workspace.destroy();
    let owner = stand_in.value("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'mine'");
    assert_eq!((exists(&stand_in, "reader"), owner.as_str()), (false, stand_in.ready.owner_role.as_str()));
}

#[test]
fn a_role_that_owns_a_database_stays() {
    let (stand_in, workspace) = started("force_destroy = true");
    workspace.apply();
    stand_in.admin("POST", "/databases", Some(&json!({ "name": "readers", "owner": "reader" })));
    let error = workspace.try_destroy(&[]).expect_failure().error();
    assert!(error.text().contains("readers"), "{error:?}");
    assert_eq!(workspace.addresses(), [ADDRESS]);
}

#[test]
fn faults_of_the_api_are_waited_out_or_named() {
    let (stand_in, workspace) = started("");
    let post = "/projects/*/branches/*/roles";
    for status in [423, 429, 503] {
        stand_in.fault(&json!({ "method": "POST", "path": post, "action": { "status": status } }));
    }
    // A lost answer: the role that is found then is ours.
    stand_in.fault(&json!({ "method": "POST", "path": post, "action": { "reset": "after" } }));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["adopted"], false);
    assert_eq!(stand_in.count_requests("POST", "/roles"), 4);
    workspace.destroy();

    // An operation that fails: what was created is tainted, and replaced.
    stand_in.no_faults();
    stand_in.fault(&json!({ "method": "POST", "path": post, "action": { "operation": "error" } }));
    workspace.apply_fails().insist_error("failed to carry it out");
    assert!(workspace.is_tainted(ADDRESS));
    workspace.apply();
    assert!(exists(&stand_in, "reader"));

    // Answers of something else than the API: named, and nothing is lost.
    stand_in
        .fault(&json!({ "path": "/**", "times": null, "action": { "html": "<html>portal</html>", "status": 200 } }));
    workspace.plan_fails().insist_error("api_url");
    assert_eq!(workspace.addresses(), [ADDRESS]);
}

#[test]
fn gone_with_its_branch_and_kept_without_its_project() {
    let (stand_in, workspace) = started("");
    workspace.apply();
    let not_found = json!({ "not_found": true });
    stand_in.fault(&json!({ "path": "/projects/*/branches/*/roles", "times": null, "action": not_found }));
    // Only the list of roles: the branch answers, so this is no absence of anything.
    workspace.plan_fails();
    stand_in.fault(&json!({ "path": "/projects/*/branches/*", "times": null, "action": not_found }));
    let changes = workspace.try_plan(&["-refresh-only"]);
    assert_eq!(changes.status, 2, "{}", changes.all());
    stand_in.fault(&json!({ "path": "/projects/*", "times": null, "action": not_found }));
    workspace.plan_fails().insist_error("state rm");
    assert_eq!(workspace.addresses(), [ADDRESS]);
    // Delete under a branch that is gone: done, with a warning.
    stand_in.no_faults();
    stand_in.fault(&json!({ "path": "/projects/*/branches/*/**", "times": null, "action": not_found }));
    stand_in.fault(&json!({ "path": "/projects/*/branches/*", "times": null, "action": not_found }));
    workspace.destroy_with(&["-refresh=false"]).insist_warning("nothing to do to delete role `reader`");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn reserved_names_are_refused_and_odd_ones_work() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    for wrong in ["pg_reader", "neon_superuser", "public", "", &"a".repeat(64)] {
        workspace.write(&named(wrong, ""));
        let error = workspace.plan_fails().error();
        assert!(error.is_on("name"), "{wrong}: {error:?}");
    }
    for odd in ["a \"b'; --", "Größe/1%", &"z".repeat(63)] {
        workspace.write(&named(odd, ""));
        workspace.apply();
        assert!(exists(&stand_in, odd), "{odd}");
        let id = workspace.attributes(ADDRESS)["id"].as_str().expect("an id").to_owned();
        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &id).expect_success();
        workspace.insist_on_empty_plan();
        workspace.destroy();
        assert!(!exists(&stand_in, odd), "{odd}");
    }
}

#[test]
fn a_protected_branch_is_worth_a_warning() {
    let (stand_in, workspace) = started("");
    stand_in.settings(&json!({ "branch_protected": true }));
    workspace.plan().insist_warning("branch_protected");
    workspace.apply();
}

#[test]
fn a_replacement_stays_on_its_branch_when_the_default_branch_changes() {
    let (stand_in, workspace) = started("");
    workspace.apply();
    let branches = format!("/projects/{}/branches", stand_in.ready.project_id);
    let next = json!({ "branch": { "name": "next" }, "endpoints": [{ "type": "read_write" }] });
    let (status, answer) = stand_in.api("POST", &branches, Some(&next));
    assert_eq!(status, 201, "{answer}");
    let next = answer["branch"]["id"].as_str().expect("an id");
    // Refused while the operations of the new branch run.
    while stand_in.api("POST", &format!("{branches}/{next}/set_as_default"), None).0 == 423 {
        std::thread::sleep(Duration::from_millis(50));
    }
    // By an argument that replaces, and by a flag that no plan call sees.
    workspace.write(&named("renamed", ""));
    workspace.apply();
    assert_eq!(workspace.attributes(ADDRESS)["id"], id(&stand_in, "renamed"));
    workspace.apply_with(&["-replace=neonrep_role.this"]);
    assert_eq!(workspace.attributes(ADDRESS)["id"], id(&stand_in, "renamed"));
    workspace.destroy();
    assert!(!exists(&stand_in, "renamed"));
}

#[test]
fn a_role_created_with_sql_reads_what_is_published_and_nothing_else() {
    for major in [16, 18] {
        let stand_in = StandIn::start_logical(major);
        stand_in
            .sql_as_owner("CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (7); CREATE TABLE hidden (i int)")
            .unwrap_or_else(|error| panic!("{error}"));
        let workspace = Workspace::new(&stand_in);
        let password = "of-a-role-made-with-sql";
        workspace.set_env("TF_VAR_password", password);
        workspace.write(&format!(
            r#"
variable "password" {{
  type      = string
  ephemeral = true
}}
{}
resource "neonrep_grant" "this" {{
  project_id = var.project_id
  database   = "neondb"
  role       = neonrep_role.this.name
  tables     = [{{ name = "t" }}]
}}

resource "neonrep_publication" "this" {{
  project_id = var.project_id
  database   = "neondb"
  name       = "p"
  tables     = [{{ name = "t" }}]
}}
"#,
            role("neon_superuser = false\n  password_wo = var.password\n  password_wo_version = 1")
        ));
        workspace.apply();
        let rows = stand_in.sql_as("reader", password, "SELECT i FROM t").expect("the published table");
        assert_eq!(sql::single(&rows), "7");
        stand_in.sql_as("reader", password, "SELECT i FROM hidden").expect_err("nothing else");
        let slot = "SELECT slot_name FROM pg_create_logical_replication_slot('s', 'pgoutput', true)";
        stand_in.sql_as("reader", password, slot).expect("it may replicate");

        stand_in.sql("ALTER ROLE reader CREATEDB");
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
        workspace.apply();

        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &id(&stand_in, "reader")).expect_success();
        assert_eq!(workspace.attributes(ADDRESS)["neon_superuser"], false);
        workspace.apply();
        workspace.no_secret_anywhere(&[password]);
        workspace.destroy();
        assert!(!exists(&stand_in, "reader"));
    }
}
