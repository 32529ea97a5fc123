//! Neon's own CLI (npm `neon`), for a stand-in.

use std::process::{Command, Output};

use serde_json::Value;

use super::npm;
use super::stand_in::StandIn;

/// What the CLI prints, as JSON where it is JSON. Panics unless it succeeds.
pub(crate) fn neon(stand_in: &StandIn, arguments: &[&str]) -> Value {
    let output = run(stand_in, arguments);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {stdout}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&stdout).unwrap_or(Value::String(stdout))
}

/// What the CLI prints on standard error when it fails. Panics if it succeeds.
pub(crate) fn neon_fails(stand_in: &StandIn, arguments: &[&str]) -> String {
    let output = run(stand_in, arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run(stand_in: &StandIn, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(npm::folder().join("node_modules/.bin/neon"));
    command.args(["--api-host", &stand_in.ready.api_url, "--api-key", &stand_in.ready.api_key]);
    command.args(["--analytics", "false", "-o", "json"]).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
    command.current_dir(home.path()).output().expect("the CLI starts")
}
