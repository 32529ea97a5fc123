//! The role that owns a subscription: `connect_as`.

use super::{ADDRESS, at_source, slots, source, subscription, workspace};
use crate::support::second_project::SecondProject;

const WORKER: &str = r#"
resource "neonrep_role" "worker" {
  project_id = var.target_id
  name          = "worker"
  force_destroy = true # it owns tables
}
"#;

#[test]
fn another_role_owns_it_and_changes_it() {
    for major in [14, 18] {
        let stand_in = source(major);
        let target = SecondProject::create(&stand_in);
        let workspace = workspace(&stand_in, &target);
        // From Postgres 16 a subscription writes as the owner of each table, so it writes to those of its own owner.
        workspace.write(&format!("{}{WORKER}", super::PUBLISHED));
        workspace.apply();
        target.sql("GRANT CREATE ON SCHEMA public TO worker");
        target.seen_by("worker").sql("CREATE TABLE t (id int PRIMARY KEY, name text)");
        target.sql("CREATE TABLE u (id int PRIMARY KEY)");
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
        if major >= 16 {
            let both = "  publications = [neonrep_publication.t.name, neonrep_publication.u.name]";
            let body = subscription(&format!("{both}\n{by_worker}\n  binary = true\n  disable_on_error = true"));
            workspace.write(&format!("{body}{WORKER}"));
            workspace.apply_once(&[]);
            target.wait_for("SELECT subenabled FROM pg_subscription", "f");
            assert_eq!(target.value("SELECT count(*) FROM u"), "0");
        }
        workspace.destroy();
        assert_eq!(target.value("SELECT count(*) FROM pg_subscription"), "0");
        assert_eq!(slots(&stand_in), "0");
    }
}
