//! A provider whose key is known only after apply: a plan goes on, an apply works, and what needs it now says so.

use super::whole::{ADDRESSES, LOGICAL_REPLICATION, PLAIN};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// The key comes out of a resource: unknown in the plan that makes or changes that.
fn head(version: &str) -> String {
    format!(
        r#"
variable "project_id" {{ type = string }}

variable "key" {{
  type = string
}}

resource "terraform_data" "key" {{
  input = [var.key, {version:?}]
}}

provider "neonrep" {{
  api_key = terraform_data.key.output[0]
}}
"#
    )
}

fn started() -> (StandIn, Workspace) {
    let stand_in = StandIn::start(suite());
    PLAIN.prepare(&stand_in);
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("NEON_API_KEY", "");
    workspace.set_env("TF_VAR_key", stand_in.ready.api_key.clone());
    (stand_in, workspace)
}

#[test]
fn a_key_that_is_created_by_the_same_run_is_enough() {
    let (stand_in, workspace) = started();
    workspace.write_with_provider(&format!("{}{}", head("1"), PLAIN.configuration()));
    let plan = workspace.plan();
    assert_eq!(plan.changes().len(), ADDRESSES.len() + 1, "{}", plan.messages());
    assert_eq!(stand_in.requests().len(), 0, "nothing is asked without a key");
    workspace.apply();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'slot_one'"), "1");

    // It changes: Read gives what the state has, with one warning, and no more is planned than the key's own change.
    workspace.write_with_provider(&format!("{}{}", head("2"), PLAIN.configuration()));
    stand_in.forget_requests();
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["terraform_data.key update"], "{}", plan.messages());
    assert_eq!(plan.warnings().len(), 1, "{}", plan.messages());
    assert_eq!(stand_in.requests().len(), 0);
    workspace.apply();

    // A change that waits for the key meanwhile.
    let changed = PLAIN.configuration().replace(r#"mode       = "full""#, r#"mode       = "default""#);
    workspace.write_with_provider(&format!("{}{changed}", head("3")));
    let plan = workspace.plan();
    assert_eq!(plan.changes(), ["neonrep_replica_identity.this update", "terraform_data.key update"]);
    workspace.apply();
    assert_eq!(stand_in.value("SELECT relreplident FROM pg_class WHERE relname = 'playing_with_neon'"), "d");
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'reader_one'"), "0");
}

#[test]
fn data_sources_and_imports_say_what_is_missing() {
    let (stand_in, workspace) = started();
    let data = r#"
data "neonrep_connection" "this" {
  project_id = var.project_id
  database   = "neondb"
  username   = "neondb_owner"
}
"#;
    workspace.write_with_provider(&format!("{}{data}", head("1")));
    workspace.plan_fails().insist_error("api_key");
    workspace.write_with_provider(&format!("{}{LOGICAL_REPLICATION}", head("1")));
    // The command itself refuses such a configuration; an import block leaves that to the provider.
    workspace.import("neonrep_logical_replication.this", &stand_in.ready.project_id).expect_failure();
    let block = format!(
        r"
import {{
  to = neonrep_logical_replication.this
  id = {:?}
}}
",
        stand_in.ready.project_id
    );
    workspace.write_with_provider(&format!("{}{LOGICAL_REPLICATION}{block}", head("1")));
    workspace.plan_fails().insist_error("api_key");
    assert!(workspace.addresses().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused_on_their_argument() {
    let (_stand_in, workspace) = started();
    let with = |settings: &str| {
        workspace.write_with_provider(&format!(
            r#"
variable "project_id" {{ type = string }}

provider "neonrep" {{
  {settings}
}}
{LOGICAL_REPLICATION}"#
        ));
        workspace.plan_fails()
    };
    with("").insist_error("NEON_API_KEY");
    with(r#"api_key = """#).insist_error("NEON_API_KEY");
    for (settings, argument) in [
        ("max_connections = 0", "max_connections"),
        (r#"connect_timeout = "soon""#, "connect_timeout"),
        (r#"plan_checks = "loud""#, "plan_checks"),
        (r#"skip_checks = ["no_such_check"]"#, "skip_checks"),
        (r#"sslrootcert = "/no/such/file.pem""#, "sslrootcert"),
        (r#"api_url = "not a url""#, "api_url"),
    ] {
        let errors = with(&format!(r#"api_key = "k"{}{settings}"#, '\n')).errors();
        assert!(errors.iter().any(|it| it.code.contains(argument)), "{argument}: {errors:?}");
    }
}

#[test]
fn no_key_at_all_is_said_at_once() {
    let stand_in = StandIn::start(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.set_env("NEON_API_KEY", "");
    workspace.write(LOGICAL_REPLICATION);
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("NEON_API_KEY") && error.text().contains("api_key"), "{error:?}");
}
