//! Neon's own CLI (npm `neon`) against the stand-in: a client that nobody here wrote finds the API it knows.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::stand_in::StandIn;

/// The version this was tried with.
const PACKAGE: &str = "neon@6.2.3";

/// Installs the CLI once below the build folder.
fn installed() -> &'static PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("neon-cli");
        let program = folder.join("node_modules/.bin/neon");
        if !program.is_file() {
            std::fs::create_dir_all(&folder).expect("a folder");
            let prefix = folder.display().to_string();
            let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &prefix, PACKAGE];
            let output = Command::new("npm").args(arguments).output().expect("npm is on the PATH");
            assert!(output.status.success(), "npm install: {}", String::from_utf8_lossy(&output.stderr));
        }
        program
    })
}

fn neon(stand_in: &StandIn, arguments: &[&str]) -> Value {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(installed());
    command.args(["--api-host", &stand_in.ready.api_url, "--api-key", &stand_in.ready.api_key]);
    command.args(["--analytics", "false", "-o", "json"]).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
    let output = command.current_dir(home.path()).output().expect("the CLI starts");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {stdout}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&stdout).unwrap_or(Value::String(stdout))
}

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
