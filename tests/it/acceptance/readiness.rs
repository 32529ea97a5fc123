//! `data.neonrep_readiness`: the Databricks guide's database is ready; what is broken is found, named and cured.

use serde_json::Value;

use super::pages::jq;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

const GUIDE: &str = include_str!("../../../examples/guides/databricks-lakeflow/main.tf");

const READINESS: &str = include_str!("../../../examples/guides/databricks-lakeflow/readiness.tf");

fn read(workspace: &Workspace) -> Value {
    workspace.refresh();
    workspace.attributes("data.neonrep_readiness.databricks")
}

fn of_severity(found: &Value, severity: &str) -> Vec<Value> {
    let findings = found["findings"].as_array().expect("findings").iter();
    findings.filter(|it| it["severity"] == severity).cloned().collect()
}

#[test]
fn a_prepared_database_is_ready_and_what_is_broken_is_found_until_it_is_cured() {
    let stand_in = StandIn::start(suite());
    stand_in.sample_table();
    let workspace = Workspace::new(&stand_in);
    workspace.write_file("main.tf", &format!("{GUIDE}{READINESS}"));
    workspace.apply_once(&[]);
    let found = read(&workspace);
    assert_eq!(found["ready"], true, "{found:#}");
    assert_eq!(of_severity(&found, "error"), Vec::<Value>::new());

    stand_in.sql("ALTER ROLE databricks_replication NOLOGIN");
    let found = read(&workspace);
    let errors = of_severity(&found, "error");
    assert_eq!((&found["ready"], errors.len()), (&Value::Bool(false), 1), "{found:#}");
    assert_eq!(errors[0]["check"], "role_login");
    assert_eq!(errors[0]["object"], "role databricks_replication");
    let remedy = errors[0]["remedy"].as_str().expect("text");
    assert!(remedy.contains("LOGIN"), "{remedy}");
    // As a monitor, and in the summary of a job.
    assert!(!jq("monitoring.md", ".checks", &workspace.state()).0, "a check that does not hold");
    let (_, report) = jq("ci.md", "neonrep_readiness", &workspace.state());
    assert!(
        report.contains("not ready") && report.contains("| error | `role_login` | role databricks_replication |"),
        "{report}"
    );
    let said = workspace.plan_text();
    assert!(said.contains("Check block assertion failed") && said.contains("role_login"), "{said}");

    stand_in.sql("ALTER ROLE databricks_replication LOGIN");
    let found = read(&workspace);
    assert_eq!(found["ready"], true, "{found:#}");
    assert!(jq("monitoring.md", ".checks", &workspace.state()).0, "all checks hold");
}
