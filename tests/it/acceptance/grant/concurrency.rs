//! Grants while others change the same role, the same tables or the server.

use serde_json::json;

use super::{grant_to, held, started, tables};
use crate::acceptance::role::made_elsewhere;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::oldest;

#[test]
fn tables_come_and_go_while_thousands_are_granted() {
    let stand_in = StandIn::start(oldest());
    stand_in.sql("CREATE ROLE app LOGIN");
    stand_in
        .sql_as_owner("DO $$ BEGIN FOR n IN 1..5000 LOOP EXECUTE format('CREATE TABLE t%s (i int)', n); IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$")
        .expect("tables");
    let workspace = Workspace::new(&stand_in);
    workspace.write(&grant_to("this", r#""app""#, r#"schemas = ["public"]"#));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let gone = n * 7 % 5_000 + 1;
                let _ = stand_in.sql_as_owner(&format!(
                    "DROP TABLE IF EXISTS t{gone}; DROP TABLE IF EXISTS fresh{n}; CREATE TABLE fresh{} (i int)",
                    n + 1
                ));
                n += 1;
            }
        });
        workspace.apply_once(&[]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    // A table that was created before the default privileges took effect shows as missing, once.
    workspace.apply();
    workspace.destroy();
    assert!(held(&stand_in, "app").is_empty());
}

#[test]
fn many_grants_at_once_do_not_trip_over_each_other() {
    let stand_in = StandIn::start(oldest());
    tables(&stand_in);
    let count = 12;
    let mut body = String::new();
    for at in 0..count {
        made_elsewhere(&stand_in, &format!("reader{at}"));
        body.push_str(&grant_to(&format!("g{at}"), &format!(r#""reader{at}""#), r#"schemas = ["public"]"#));
    }
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(50);
    workspace.write(&body);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Somebody without our lock.
            let session = stand_in.session();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = session.run("GRANT SELECT ON t1 TO neon_superuser; REVOKE SELECT ON t1 FROM neon_superuser");
            }
        });
        workspace.apply_once(&[]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    workspace.insist_on_empty_plan();
    workspace.destroy();
    assert!(held(&stand_in, "reader7").is_empty());
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    let (stand_in, workspace) = started(r#"schemas = ["public"]"#);
    stand_in.settings(&json!({ "refuse_connections": "Couldn't connect to compute node", "refuse_times": 3 }));
    workspace.apply();
    stand_in.settings(
        &json!({ "refuse_times": null, "refuse_connections": "This IP address 192.0.2.1 is not allowed to connect to this endpoint." }),
    );
    let error = workspace.plan_fails().error();
    assert!(error.text().contains("IP Allow"), "{error:?}");
    stand_in.settings(&json!({ "refuse_connections": null }));
    workspace.insist_on_empty_plan();
}

/// Each of 20 roles on each of 10 tables, and a role more on the schema.
const CHURNED: &str = r#"
resource "neonrep_grant" "one" {
  count         = 200
  project_id    = var.project_id
  database      = "neondb"
  role          = "reader${count.index % 20}"
  tables        = [{ name = "kept${floor(count.index / 20)}" }]
  privileges    = ["SELECT", "UPDATE"]
  future_tables = false
}

resource "neonrep_grant" "all" {
  project_id = var.project_id
  database   = "neondb"
  role       = "reader_of_all"
  schemas    = ["public"]
}
"#;

/// What everyone holds on the tables that stay: table, role, privileges.
const HELD: &str = "SELECT c.relname || ' ' || a.grantee::regrole || ' ' \
        || string_agg(a.privilege_type, ',' ORDER BY a.privilege_type) || bool_or(a.is_grantable) \
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.relname LIKE 'kept%' AND a.grantee::regrole::text LIKE 'reader%' \
    GROUP BY c.relname, a.grantee ORDER BY 1";

#[test]
fn two_hundred_grants_while_somebody_grants_revokes_creates_and_drops() {
    let stand_in = StandIn::start(oldest());
    for at in 0..10 {
        stand_in.sql_as_owner(&format!("CREATE TABLE kept{at} (i int)")).expect("a table");
    }
    let roles: Vec<String> = (0..20).map(|at| format!("reader{at}")).collect();
    for role in roles.iter().map(String::as_str).chain(["reader_of_all", "other"]) {
        stand_in.sql(&format!("CREATE ROLE {role} LOGIN"));
    }
    let workspace = Workspace::new(&stand_in);
    workspace.set_parallelism(50);
    workspace.write(CHURNED);
    // A second process, without our lock and on the same tables, until the work is done.
    let beside = |work: &dyn Fn()| {
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let churning = scope.spawn(|| {
                let (session, mut rounds) = (stand_in.session(), 0);
                session.run("SET ROLE neondb_owner").expect("the owner");
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let (kept, n) = (rounds % 10, rounds % 5);
                    for statement in [
                        format!("GRANT SELECT, INSERT ON kept{kept} TO other"),
                        format!("CREATE TABLE IF NOT EXISTS passing{n} (i int)"),
                        format!("GRANT SELECT ON passing{n} TO other"),
                        format!("REVOKE INSERT ON kept{kept} FROM other"),
                        format!("DROP TABLE IF EXISTS passing{}", (n + 3) % 5),
                    ] {
                        // It may meet the provider's own change of that row; the churn goes on.
                        let _ = session.run(&statement);
                    }
                    rounds += 1;
                }
                rounds
            });
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert!(churning.join().expect("the churn") > 10, "nobody worked beside");
        });
    };
    beside(&|| drop(workspace.apply_once(&[])));
    let declared: Vec<String> = (0..10)
        .flat_map(|at| {
            let of_all = format!("kept{at} reader_of_all SELECTfalse");
            roles.iter().map(move |role| format!("kept{at} {role} SELECT,UPDATEfalse")).chain([of_all])
        })
        .collect();
    let held =
        || crate::support::sql::column(&stand_in.sql(HELD)).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(held(), declared.iter().cloned().collect());
    // A table that was created while the default privileges were not there yet is given once more.
    workspace.apply();
    assert_eq!(held(), declared.into_iter().collect());
    beside(&|| drop(workspace.destroy()));
    assert!(held().is_empty());
    let others = "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a \
        WHERE c.relname LIKE 'kept%' AND a.grantee = 'other'::regrole AND a.privilege_type = 'SELECT'";
    assert_eq!(stand_in.value(others), "10", "what somebody else granted stays");
}
