//! Publications while sessions end, locks are held and the API does not answer as itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{SLOT, publication, with_tables};
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// So many publications, each of table `a`.
fn many(count: usize) -> String {
    format!(
        r#"resource "neonrep_publication" "many" {{
  count = {count}
  project_id = var.project_id
  database = "neondb"
  name = "pub_${{count.index}}"
  tables = [{{ name = "a" }}]
}}
"#
    )
}

#[test]
fn sessions_that_end_in_the_middle_are_opened_again() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&many(20));
    workspace.set_parallelism(2);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Some work is done in between, on a busy machine too.
            let mut last = String::new();
            while !done.load(Ordering::SeqCst) {
                let now = stand_in.value("SELECT count(*) FROM pg_publication");
                if now != last {
                    stand_in.admin("POST", "/terminate_backends", Some(&json!({"whom": "clients"})));
                    last = now;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let outcome = workspace.try_apply(&[]);
        done.store(true, Ordering::SeqCst);
        outcome.expect_success();
    });
    workspace.insist_on_empty_plan();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "20");
    // A server that restarts under a destroy.
    let child = workspace.start(&["destroy", "-json", "-auto-approve", "-parallelism=1"]);
    stand_in.postgres("restart");
    workspace.finish_child(child).expect_success();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn one_connection_is_enough() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write_with_provider(&format!(
        r#"provider "neonrep" {{
  max_connections = 1
}}
variable "project_id" {{ type = string }}
{}{}{SLOT}"#,
        publication(r#"tables = [{ name = "b" }]"#),
        many(10)
    ));
    workspace.set_parallelism(20);
    workspace.apply();
    workspace.destroy();
}

#[test]
fn a_table_that_is_locked_is_waited_for_and_then_told() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let session = stand_in.session();
    session.run("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE").expect("a lock");
    workspace.write(&publication(
        r#"tables = [{ name = "a" }]
  timeouts = { create = "5s" }"#,
    ));
    let error = workspace.apply_fails().error();
    assert!(error.text().contains("held a lock"), "{error:?}");
    assert!(workspace.addresses().is_empty());
    session.run("COMMIT").expect("the end of the lock");
    workspace.apply();
}

#[test]
fn an_api_that_is_not_itself_is_a_warning_at_plan_and_loses_nothing() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let html = json!({"path": "/projects/**", "times": null, "action": {"status": 200, "html": "<html>login</html>"}});
    stand_in.fault(&html);
    workspace.write(&many(3));
    let plan = workspace.plan();
    assert_eq!(plan.warnings().len(), 1, "said once: {}", plan.messages());
    workspace.apply_fails().insist_error("api_url");
    assert!(workspace.addresses().is_empty());
    stand_in.no_faults();
    // What passes is waited for.
    for (status, path) in [
        (503, "/projects/*/connection_uri"),
        (429, "/projects/*/branches/*/databases/*"),
        (423, "/projects/*/branches"),
    ] {
        stand_in.fault(&json!({"method": "GET", "path": path, "times": 1, "action": {"status": status}}));
    }
    workspace.apply();
    stand_in.fault(&html);
    workspace.try_plan(&[]).expect_failure().insist_error("api_url");
    assert_eq!(workspace.addresses().len(), 3);
    stand_in.no_faults();
    workspace.insist_on_empty_plan();
}
