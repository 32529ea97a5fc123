//! Ephemeral `neonrep_connection` and `neonrep_role_password`: a password that works and is stored nowhere.

use serde_json::json;

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// Two providers log in with what the ephemeral resources gave, so a wrong password fails the run.
const CONFIGURATION: &str = r#"
ephemeral "neonrep_connection" "owner" {
  project_id = var.project_id
  database   = "neondb"
  username   = "neondb_owner"
}

ephemeral "neonrep_role_password" "owner" {
  role_id = "${var.project_id}/BRANCH/neondb_owner"
}

provider "neonrep" {
  alias = "direct"
  sql = {
    host     = ephemeral.neonrep_connection.owner.host
    port     = ephemeral.neonrep_connection.owner.port
    username = ephemeral.neonrep_connection.owner.username
    password = ephemeral.neonrep_connection.owner.password
  }
}

resource "neonrep_publication" "direct" {
  provider = neonrep.direct
  database = "neondb"
  name     = "p"
  tables   = [{ name = "playing_with_neon" }]
}

provider "neonrep" {
  alias = "second"
  sql = {
    host     = ephemeral.neonrep_connection.owner.host
    port     = ephemeral.neonrep_connection.owner.port
    username = "neondb_owner"
    password = ephemeral.neonrep_role_password.owner.password
  }
}

resource "neonrep_publication" "second" {
  provider = neonrep.second
  database = "neondb"
  name     = "q"
  tables   = [{ name = "playing_with_neon" }]
}
"#;

#[test]
fn a_password_is_used_and_stored_nowhere() {
    let stand_in = StandIn::start_logical(suite());
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write(&CONFIGURATION.replace("BRANCH", &stand_in.ready.branch_id));
    workspace.apply();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication WHERE pubname IN ('p', 'q')"), "2");
    workspace.plan_json();
    let secret = stand_in.password_of("neondb_owner");
    workspace.no_secret_anywhere(&[&secret, &stand_in.ready.api_key]);
    workspace.destroy();
    workspace.no_secret_anywhere(&[&secret, &stand_in.ready.api_key]);
}

#[test]
fn a_role_without_a_password_to_read_is_named() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    let password_of = |role: &str| {
        let (project, branch) = (&stand_in.ready.project_id, &stand_in.ready.branch_id);
        format!(
            r#"
ephemeral "neonrep_role_password" "it" {{
  role_id = "{project}/{branch}/{role}"
}}
"#
        )
    };
    workspace.write(&password_of("nobody"));
    let error = workspace.plan_fails().error();
    assert!(error.is_on("role_id") && error.text().contains("`nobody`"), "{error:?}");
    stand_in.settings(&json!({ "store_passwords": false }));
    workspace.write(&password_of("neondb_owner"));
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("role_passwords"), "{error:?}");
}
