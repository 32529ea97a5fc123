//! The role that owns a subscription: `connect_as`.

use super::{ADDRESS, TABLES, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;

const WORKER: &str = r#"
resource "neonrep_role" "worker" {
  project_id = var.target_id
  name       = "worker"
}
"#;

#[test]
fn another_role_owns_it_and_changes_it() {
    for major in [14, 18] {
        let stand_in = source(major);
        let target = SecondProject::create(&stand_in);
        let workspace = workspace(&stand_in, &target);
        // A subscription writes to the tables of its owner.
        workspace.write(&format!("{}{WORKER}", super::PUBLISHED));
        workspace.apply();
        target.sql("GRANT CREATE ON SCHEMA public TO worker");
        target.seen_by("worker").sql(TABLES);
        let write = |more: &str| {
            let body = subscription(&format!("  publications = [neonrep_publication.t.name]\n{more}"));
            workspace.write(&format!("{body}{WORKER}"));
        };
        let by_worker = "  connect_as = neonrep_role.worker.name";
        write(by_worker);
        workspace.apply();
        let owner = "SELECT subowner::regrole::text FROM pg_subscription";
        assert_eq!(target.value(owner), "worker");
        let worker = target.seen_by("worker");
        worker.wait_for("SELECT count(*) FROM t", "2");

        // Another role than its owner changes nothing, and is told what to set.
        write("  binary = true");
        let error = workspace.apply_fails().error();
        assert!(error.text().contains("owner of subscription") && error.text().contains("`connect_as`"), "{error:?}");
        write(&format!("{by_worker}\n  binary = true"));
        workspace.apply();
        at_source(&stand_in, "INSERT INTO t VALUES (3, 'c')");
        worker.wait_for("SELECT count(*) FROM t", "3");

        workspace.forget(ADDRESS);
        workspace.import(ADDRESS, &target.id_of("sub")).expect_success();
        assert_eq!(workspace.plan().changes(), [format!("{ADDRESS} update")]);
        workspace.apply();
        workspace.destroy();
        assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
        assert_eq!(slots(&stand_in), "0");
    }
}
