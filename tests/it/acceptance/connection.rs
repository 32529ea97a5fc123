//! `data.neonrep_connection`: how a consumer connects, with the password only on request.

use serde_json::{Value, json};

use super::role::made_elsewhere;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn connection(arguments: &str) -> String {
    format!(
        r#"
data "neonrep_connection" "this" {{
  project_id = var.project_id
  database   = "neondb"
  {arguments}
}}

output "all" {{
  sensitive = true
  value     = data.neonrep_connection.this
}}
"#
    )
}

fn started(arguments: &str) -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&connection(arguments));
    (stand_in, workspace)
}

fn all(workspace: &Workspace) -> Value {
    workspace.outputs()["all"]["value"].clone()
}

#[test]
fn it_says_how_to_connect() {
    let (stand_in, workspace) = started(
        r#"
  username         = "neondb_owner"
  include_password = true
"#,
    );
    workspace.apply();
    let said = all(&workspace);
    let password = stand_in.password_of("neondb_owner");
    assert_eq!(said["host"], stand_in.ready.host.as_str());
    assert_eq!(
        (&said["port"], &said["port_string"]),
        (&json!(stand_in.ready.port), &json!(stand_in.ready.port.to_string()))
    );
    assert_eq!((&said["sslmode"], &said["password"]), (&json!("verify-full"), &json!(password)));
    assert_eq!(said["branch_id"], stand_in.ready.branch_id.as_str());
    let pem = std::fs::read_to_string(&stand_in.ready.sslrootcert).expect("the roots");
    assert_eq!(said["ssl_root_certificate"], pem);
    let uri = said["uri"].as_str().expect("a uri");
    assert!(uri.starts_with("postgresql://neondb_owner:") && uri.contains(&password), "{uri}");

    // Not asked for, it is nowhere.
    workspace.write(&connection(r#"username = "neondb_owner""#));
    workspace.apply();
    let said = all(&workspace);
    assert_eq!((&said["password"], &said["uri"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_role_of_the_same_run_is_read_after_it_was_created() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    let role = r#"
resource "neonrep_role" "r" {
  project_id = var.project_id
  name       = "reader"
}
"#;
    let connection = connection(
        r"
  role_id          = neonrep_role.r.id
  include_password = true
",
    );
    workspace.write(&format!("{connection}{role}"));
    workspace.apply();
    let said = all(&workspace);
    assert_eq!((&said["username"], &said["password"]), (&json!("reader"), &json!(stand_in.password_of("reader"))));
}

#[test]
fn a_role_that_does_not_exist_matters_only_for_its_password() {
    let (stand_in, workspace) = started(r#"username = "later""#);
    workspace.apply();
    workspace.write(&connection(
        r#"
  username         = "later"
  include_password = true
"#,
    ));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("username") && error.text().contains("role_id"), "{error:?}");
    made_elsewhere(&stand_in, "later");
    workspace.apply();
    stand_in.settings(&json!({ "store_passwords": false }));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("include_password") && error.text().contains("store_password"), "{error:?}");
}

#[test]
fn contradictions_and_absences_are_named() {
    let (stand_in, workspace) = started("");
    workspace.plan_fails();
    workspace.write(&connection(
        r#"
  username = "a"
  role_id  = "p/br-a/a"
"#,
    ));
    workspace.plan_fails();
    let id = format!("{}/br-other-branch-1/a", stand_in.ready.project_id);
    let other = format!(
        r"
  role_id   = {id:?}
  branch_id = {:?}
",
        stand_in.ready.branch_id
    );
    workspace.write(&connection(&other));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("branch_id"), "{error:?}");
    workspace.write(&connection(r#"username = "a""#).replace(r#""neondb""#, r#""nowhere""#));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("database") && error.text().contains("nowhere"), "{error:?}");
    workspace.write(&connection(
        r#"
  username  = "a"
  branch_id = "br-nowhere-1"
"#,
    ));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("branch_id"), "{error:?}");
    stand_in.settings(&json!({ "endpoint_missing": true }));
    workspace.write(&connection(r#"username = "a""#));
    workspace.plan_fails();
}
