//! Neon's own CLI (npm `neon`) against the stand-in: a client that nobody here wrote finds the API it knows.

use crate::support::neon_cli::{neon, neon_fails};
use crate::support::stand_in::StandIn;
use crate::support::versions::suite;

#[test]
fn neons_own_cli_works_against_the_stand_in() {
    let stand_in = StandIn::start(suite());
    let project = stand_in.ready.project_id.clone();
    let on = ["--project-id", project.as_str()];
    let list = |noun: &str| neon(&stand_in, &[&[noun, "list"][..], &on].concat()).to_string();

    assert!(list("branches").contains(&stand_in.ready.branch_id));
    assert!(list("databases").contains("neondb"));
    assert!(list("roles").contains(&stand_in.ready.owner_role));
    neon(&stand_in, &[&["roles", "create", "--name", "by_cli"][..], &on].concat());
    assert!(list("roles").contains("by_cli"));
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_roles WHERE rolname = 'by_cli' AND rolreplication"), "1");
    assert!(list("operations").contains("apply_config"));
    neon(&stand_in, &[&["roles", "delete", "by_cli"][..], &on].concat());
    assert!(!list("roles").contains("by_cli"));
    list("ip-allow");
    assert_eq!(stand_in.value("SHOW wal_level"), "replica");
    neon(&stand_in, &["projects", "update", &project, "--enable-logical-replication", "--yes"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while stand_in.value("SHOW wal_level") != "logical" {
        assert!(std::time::Instant::now() < until, "the server was not restarted");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// What concerns branches, computes, databases, operations and IP Allow.
#[test]
fn its_commands_on_branches_databases_and_addresses_work() {
    let stand_in = StandIn::start(suite());
    let project = stand_in.ready.project_id.clone();
    let run = |arguments: &[&str]| neon(&stand_in, &[arguments, &["--project-id", &project]].concat());

    let listed = neon(&stand_in, &["projects", "list"]);
    assert!(listed.to_string().contains(&project), "{listed}");
    assert_eq!(neon(&stand_in, &["projects", "get", &project])["id"], project.as_str());
    let other = neon(&stand_in, &["projects", "create", "--name", "other"]);
    let id = other["project"]["id"].as_str().expect("an id").to_owned();
    neon(&stand_in, &["projects", "delete", &id]);

    let made = run(&["branches", "create", "--name", "dev"]);
    let branch = made["branch"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(run(&["branches", "get", "dev"])["id"], branch.as_str());
    run(&["branches", "rename", "dev", "develop"]);
    run(&["branches", "add-compute", "develop", "--type", "read_only"]);
    run(&["branches", "set-expiration", "develop", "--expires-at", "2036-01-01T00:00:00Z"]);
    run(&["branches", "set-default", "develop"]);
    run(&["branches", "set-default", &stand_in.ready.branch_id]);
    run(&["branches", "reset", "develop", "--parent"]);
    run(&["branches", "restore", "develop", "^parent"]);

    run(&["databases", "create", "--name", "orders", "--owner-name", "neondb_owner", "--branch", "develop"]);
    assert!(run(&["databases", "list", "--branch", "develop"]).to_string().contains("orders"));
    let uri = run(&["connection-string", "develop", "--database-name", "orders", "--role-name", "neondb_owner"]);
    assert!(uri.to_string().contains("/orders"), "{uri}");
    run(&["databases", "delete", "orders", "--branch", "develop"]);
    run(&["branches", "delete", "develop"]);
    assert!(!run(&["branches", "list"]).to_string().contains("develop"));

    neon(&stand_in, &["ip-allow", "add", "192.0.2.1", "198.51.100.0/24", "--project-id", &project]);
    neon(&stand_in, &["ip-allow", "remove", "192.0.2.1", "--project-id", &project]);
    assert!(run(&["ip-allow", "list"]).to_string().contains("198.51.100.0/24"));
    neon(&stand_in, &["ip-allow", "reset", "--project-id", &project]);
    let (_, answer) = stand_in.api("GET", &format!("/projects/{project}"), None);
    assert_eq!(answer["project"]["settings"]["allowed_ips"]["ips"], serde_json::json!([]));
}

/// The past of branches: as a new branch, by a restore, and in a schema; and a deleted project.
#[test]
fn its_commands_on_the_past_work() {
    let stand_in = StandIn::start_logical(14); // the `pg_dump` of the stand-in's PATH must not be older
    let project = stand_in.ready.project_id.clone();
    let run = |arguments: &[&str]| neon(&stand_in, &[arguments, &["--project-id", &project]].concat());
    let moment = || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let time = stand_in.value("SELECT to_char(clock_timestamp(), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
        let position = stand_in.value("SELECT pg_current_wal_insert_lsn()");
        std::thread::sleep(std::time::Duration::from_millis(20));
        (time, position)
    };
    let rows = || stand_in.value("SELECT count(*) FROM t");
    stand_in.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let (time, position) = moment();
    stand_in.sql("INSERT INTO t VALUES (2); ALTER TABLE t ADD COLUMN note text");
    stand_in.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");

    for (name, parent) in [("by-time", &time), ("by-position", &position)] {
        let made = run(&["branches", "create", "--name", name, "--parent", parent]);
        assert_eq!(made["branch"]["parent_id"], stand_in.ready.branch_id.as_str(), "{made}");
    }
    run(&["branches", "restore", "by-time", &format!("main@{position}"), "--preserve-under-name", "by-time-before"]);
    run(&["branches", "restore", "by-time", "^parent"]);

    let difference = ["branches", "schema-diff", "main", &format!("^self@{time}"), "--database", "neondb"];
    if std::process::Command::new("pg_dump").arg("--version").output().is_ok() {
        let shown = run(&difference).to_string();
        assert!(shown.contains("-    note text"), "{shown}");
        let shown = run(&["branches", "schema-diff", "by-position", "^parent", "--database", "neondb"]).to_string();
        assert!(shown.contains("-    note text"), "{shown}");
        let compare = format!("branches/{}/compare_schema", stand_in.ready.branch_id);
        let query = format!("db_name=neondb&base_branch_id={}&base_lsn={position}", stand_in.ready.branch_id);
        let (status, compared) = stand_in.api("GET", &format!("/projects/{project}/{compare}?{query}"), None);
        assert_eq!(status, 200, "{compared}");
    } else {
        let said = neon_fails(&stand_in, &[&difference[..], &["--project-id", &project]].concat());
        assert!(said.contains("needs pg_dump 14 or newer"), "{said}");
    }

    let restored =
        run(&["branches", "restore", "main", &format!("^self@{time}"), "--preserve-under-name", "main-before"]);
    assert!(restored.to_string().contains(&stand_in.ready.branch_id), "{restored}");
    let listed = run(&["branches", "list"]);
    assert!(listed.to_string().contains("main-before"), "{listed}");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while run(&["branches", "get", "main"])["current_state"] != "ready" {
        assert!(std::time::Instant::now() < until, "the branch is not restored");
    }
    assert_eq!((rows().as_str(), stand_in.value("SELECT count(*) FROM pg_replication_slots").as_str()), ("1", "1"));
    let refused = ["branches", "restore", "main", "^self@0/1", "--preserve-under-name", "x", "--project-id", &project];
    let said = neon_fails(&stand_in, &refused);
    assert!(said.contains("before the branch's history"), "{said}");

    neon(&stand_in, &["projects", "delete", &project]);
    let deleted = neon(&stand_in, &["projects", "list", "--recoverable-only", "--org-id", "org-stand-in-00000001"]);
    assert!(deleted.to_string().contains(&project), "{deleted}");
    neon(&stand_in, &["projects", "recover", &project]);
    assert_eq!(neon(&stand_in, &["projects", "get", &project])["id"], project.as_str());
    assert_eq!(
        stand_in.sql_as_owner("SELECT count(*) FROM t").map(|rows| crate::support::sql::single(&rows)).unwrap(),
        "1"
    );
}
