//! Neon's own CLI (npm `neon`) against the stand-in: a client that nobody here wrote finds the API it knows.

use crate::support::neon_cli::neon;
use crate::support::stand_in::StandIn;

#[test]
fn neons_own_cli_works_against_the_stand_in() {
    let stand_in = StandIn::start(17);
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
