//! Grants while others change the same role, the same tables or the server.

use serde_json::json;

use super::{grant_to, held, started, tables};
use crate::acceptance::role::made_elsewhere;
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

#[test]
fn tables_come_and_go_while_thousands_are_granted() {
    let stand_in = StandIn::start(17);
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
    let stand_in = StandIn::start(17);
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
