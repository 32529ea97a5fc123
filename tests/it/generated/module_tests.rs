//! `examples/testing`: a module that is tested against mocks and against the stand-in, by the real CLI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn copied() -> Workspace {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path()) {
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/testing");
    let workspace = Workspace::bare();
    let mut found = Vec::new();
    files(&example, &mut found);
    for file in found {
        let to = workspace.path().join(file.strip_prefix(&example).expect("below it"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, to).expect("a copy");
    }
    workspace
}

const TEST: &str = "tests/names.tftest.hcl";

#[test]
fn the_module_passes_its_tests_against_mocks() {
    let outcome = copied().run(&["test", "-no-color"]).expect_success();
    assert!(outcome.says("2 passed, 0 failed"), "{}", outcome.all());
}

#[test]
fn its_tests_can_fail() {
    let workspace = copied();
    let main = fs::read_to_string(workspace.path().join("main.tf")).expect("the module");
    workspace.write_file("main.tf", &main.replace("${var.name}_publication", "${var.name}_pub"));
    let outcome = workspace.run(&["test", "-no-color"]).expect_failure();
    assert!(outcome.says("The publication is named after the module."), "{}", outcome.all());
}

/// The last step of the workflow, with the tables created from here.
#[test]
fn the_module_passes_its_test_against_the_stand_in() {
    let workflow = fs::read_to_string(copied().path().join(".github/workflows/module.yml")).expect("the workflow");
    assert!(workflow.contains("terraform test -test-directory=stand-in\n"), "{workflow}");
    let stand_in = StandIn::start(suite());
    let workspace = copied();
    for (name, value) in stand_in.env() {
        workspace.set_env(name, value);
    }
    let run = || workspace.run(&["test", "-no-color", "-test-directory=stand-in"]);
    assert!(run().expect_failure().says("customers"), "a table that is not there");
    stand_in.sql_as_owner("CREATE TABLE customers (id int PRIMARY KEY)").expect("a table");
    let outcome = run().expect_success();
    assert!(outcome.says("1 passed, 0 failed"), "{}", outcome.all());
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'"), "0");
}

/// Why the mocks have values: those that Terraform makes up have no form, and are refused.
#[test]
fn made_up_ids_are_refused() {
    let workspace = copied();
    let test = fs::read_to_string(workspace.path().join(TEST)).expect("the test");
    let lines = test.lines().filter(|it| !it.contains("neondb/orders_publication"));
    workspace.write_file(TEST, &lines.collect::<Vec<_>>().join("\n"));
    let outcome = workspace.run(&["test", "-no-color"]).expect_failure();
    assert!(outcome.says("parts, not 4"), "{}", outcome.all());
}

/// GitHub runs a step with `bash -e`: a command that fails inside another's argument would not end it.
#[test]
fn the_last_step_of_the_workflow_ends_where_there_is_no_stand_in() {
    let workflow = fs::read_to_string(copied().path().join(".github/workflows/module.yml")).expect("the workflow");
    let step = workflow.rsplit("run: |\n").next().expect("a step");
    let mut shell = Command::new("bash");
    let ran = shell.args(["-e", "-c", step]).env_clear().env("PATH", "/usr/bin:/bin").output().expect("a shell");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(127), "{said}");
    assert!(said.contains("neon-stand-in: command not found") && said.lines().count() == 1, "{said}");
}
