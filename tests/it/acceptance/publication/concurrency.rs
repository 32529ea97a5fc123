//! Many publications of the same tables at once, while somebody changes these tables too.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::sql;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

/// All have tables in common. What others add to these publications stays.
const MANY: &str = r#"
resource "neonrep_publication" "many" {
  count         = 50
  project_id    = var.project_id
  database      = "neondb"
  name          = "many_${count.index}"
  tables        = [for it in range(FIRST, 10) : { name = "kept${it}" }]
  publish       = PUBLISH
  manage_tables = "at_least"
}
"#;

/// How many publications have each of the tables that stay.
const LISTED: &str = "SELECT c.relname || ' ' || count(*) FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid \
                      WHERE c.relname LIKE 'kept%' GROUP BY c.relname ORDER BY 1";

/// Runs `work` while another session changes the same tables in the other order, and puts tables that come and go into the
/// same publications.
fn beside(stand_in: &StandIn, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let churning = scope.spawn(|| {
            let (session, mut rounds) = (stand_in.session(), 0);
            session.run("SET deadlock_timeout = '50ms'; SET ROLE neondb_owner").expect("the owner");
            while !done.load(Ordering::Relaxed) {
                let (kept, n) = (rounds % 9, rounds % 5);
                for statement in [
                    format!("CREATE TABLE IF NOT EXISTS passing{n} (i int PRIMARY KEY)"),
                    format!("ALTER PUBLICATION many_{} ADD TABLE passing{n}", rounds % 50),
                    // The other order than that of a list of tables.
                    format!(
                        "BEGIN; ALTER TABLE kept{} REPLICA IDENTITY FULL; ALTER TABLE kept{kept} REPLICA IDENTITY FULL; COMMIT",
                        kept + 1
                    ),
                    format!("DROP TABLE IF EXISTS passing{}", (n + 3) % 5),
                ] {
                    // It may meet the provider's own change; the churn goes on.
                    if session.run(&statement).is_err() {
                        let _ = session.run("ROLLBACK");
                    }
                }
                rounds += 1;
            }
            rounds
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(churning.join().expect("the churn") > 10, "nobody worked beside");
    });
}

#[test]
fn fifty_publications_of_the_same_tables_while_somebody_alters_them() {
    let stand_in = StandIn::start_logical(suite());
    for at in 0..10 {
        stand_in.sql_as_owner(&format!("CREATE TABLE kept{at} (i int PRIMARY KEY)")).expect("a table");
    }
    let listed = || sql::column(&stand_in.sql(LISTED));
    let each = |first: u32| (first..10).map(|at| format!("kept{at} 50")).collect::<Vec<_>>();
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(50);
    let write = |first: u32, publish: &str| {
        workspace.write(&MANY.replace("FIRST", &first.to_string()).replace("PUBLISH", publish));
    };
    write(0, r#"["insert"]"#);
    beside(&stand_in, || drop(workspace.apply_once(&[])));
    assert_eq!(listed(), each(0));
    workspace.insist_on_empty_plan();
    write(4, r#"["insert", "update"]"#);
    beside(&stand_in, || drop(workspace.apply_once(&[])));
    assert_eq!(listed(), each(4));
    workspace.insist_on_empty_plan();
    beside(&stand_in, || drop(workspace.destroy()));
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}
