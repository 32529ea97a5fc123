//! The real CLI in a folder of its own: write a configuration, plan, apply, look at what it said.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::cli;
use super::outcome::Outcome;
use super::secrets::Watch;
use super::stand_in::StandIn;

/// What every configuration of the tests begins with.
const HEAD: &str = r#"terraform {
  required_providers {
    neonrep = { source = "neonrep/neonrep" }
  }
}

"#;

/// A folder with a configuration, and the environment of someone who uses the stand-in.
pub(crate) struct Workspace {
    folder: TempDir,
    env: RefCell<Vec<(String, String)>>,
    /// All that the CLI printed so far, for the search for secrets.
    said: RefCell<String>,
    parallelism: RefCell<Option<u16>>,
    secrets: Watch,
}

impl Workspace {
    /// An empty folder; the provider talks to that stand-in.
    pub(crate) fn new(stand_in: &StandIn) -> Self {
        let it = Self::bare();
        for (name, value) in stand_in.env() {
            it.set_env(name, value);
        }
        let superuser = stand_in.superuser("postgres");
        it.secrets.name(&String::from_utf8_lossy(superuser.get_password().unwrap_or_default()), false);
        it
    }

    /// An empty folder, no Neon anywhere.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::Builder::new().prefix("neonrep-it-").tempdir().expect("a temporary folder");
        let plugins = folder.path().join(".plugins");
        fs::create_dir(&plugins).expect("a folder");
        let name = format!("terraform-provider-neonrep{}", std::env::consts::EXE_SUFFIX);
        std::os::unix::fs::symlink(cli::provider(), plugins.join(name)).expect("a link to the provider");
        let rc = format!(
            r#"
provider_installation {{
  dev_overrides {{
    "neonrep/neonrep" = "{}"
  }}
  direct {{}}
}}
"#,
            plugins.display()
        );
        fs::write(folder.path().join(".cli.rc"), rc).expect("the CLI's configuration");
        Self {
            folder,
            env: RefCell::default(),
            said: RefCell::default(),
            parallelism: RefCell::default(),
            secrets: Watch::default(),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the CLI and the provider log, at TRACE.
    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("trace.log")
    }

    /// Sets a variable for all later runs; empty takes it away.
    pub(crate) fn set_env(&self, name: &str, value: impl Into<String>) {
        let value = value.into();
        self.secrets.variable(name, &value);
        let mut env = self.env.borrow_mut();
        env.retain(|(known, _)| known != name);
        if !value.is_empty() {
            env.push((name.to_owned(), value));
        }
    }

    /// How many resources are worked on at once in all later runs.
    pub(crate) fn set_parallelism(&self, n: u16) {
        *self.parallelism.borrow_mut() = Some(n);
    }

    /// `main.tf`, whole, with `required_providers` and the provider block put before it.
    pub(crate) fn write(&self, body: &str) {
        self.write_file(
            "main.tf",
            &format!(
                r#"{HEAD}
provider "neonrep" {{}}

variable "project_id" {{ type = string }}

{body}"#
            ),
        );
    }

    /// `main.tf` with a provider block of the caller's own.
    pub(crate) fn write_with_provider(&self, body: &str) {
        self.write_file("main.tf", &format!("{HEAD}{body}"));
    }

    /// Any file, as it is.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        self.secrets.configured(text);
        fs::write(self.path().join(name), text).expect("a file of the configuration");
    }

    /// The CLI with these arguments, not started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cli::program());
        command.args(arguments).current_dir(self.path());
        // Nothing of the machine's own settings: no TF_*, NEON_* or PG* of whoever runs the tests.
        command.env_clear();
        for kept in ["PATH", "TMPDIR", "SystemRoot"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .env("HOME", self.path())
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_CONFIG_FILE", self.path().join(".cli.rc"))
            .env("TF_LOG", "TRACE")
            .env("TF_LOG_PATH", self.log())
            .env("RUST_BACKTRACE", "1");
        command.envs(self.env.borrow().iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the CLI; what it printed is remembered, and searched for secrets.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).stdin(Stdio::null()).output().expect("the CLI starts");
        self.finish(arguments, &output)
    }

    /// Starts the CLI and gives the process, to be interrupted. See [`finish_child`](Self::finish_child).
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that a signal can be sent to it and its provider alone, as a terminal does.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().expect("the CLI starts")
    }

    /// Waits for a started CLI.
    pub(crate) fn finish_child(&self, child: Child) -> Outcome {
        let output = child.wait_with_output().expect("the CLI ends");
        self.finish(&["(started)"], &output)
    }

    fn finish(&self, arguments: &[&str], output: &std::process::Output) -> Outcome {
        let outcome = Outcome::new(arguments, output);
        let mut said = self.said.borrow_mut();
        said.push_str(&outcome.stdout);
        said.push_str(&outcome.stderr);
        assert!(!outcome.all().contains("panicked at"), "the provider panicked:\n{}", outcome.all());
        self.secrets.look(self.path(), &outcome);
        outcome
    }

    fn with_options(&self, arguments: &[&str], more: &[&str]) -> Outcome {
        let parallelism = self.parallelism.borrow().map(|n| format!("-parallelism={n}"));
        let mut all = arguments.to_vec();
        all.extend(parallelism.as_deref());
        all.extend(more);
        self.run(&all)
    }

    // --- Steps of a story

    /// `apply`, which must succeed, and after which a plan must be empty without and with refresh.
    pub(crate) fn apply(&self) -> Outcome {
        self.apply_with(&[])
    }

    /// The same with more arguments (`-replace=…`, `-target=…` leave the later plans whole).
    pub(crate) fn apply_with(&self, more: &[&str]) -> Outcome {
        let outcome = self.apply_once(more);
        self.insist_on_empty_plan();
        outcome
    }

    /// `apply`, which must succeed, and nothing after it.
    pub(crate) fn apply_once(&self, more: &[&str]) -> Outcome {
        self.try_apply(more).expect_success()
    }

    /// `apply`, which must fail.
    pub(crate) fn apply_fails(&self) -> Outcome {
        self.apply_fails_with(&[])
    }

    /// `apply` with more arguments, which must fail.
    pub(crate) fn apply_fails_with(&self, more: &[&str]) -> Outcome {
        self.try_apply(more).expect_failure()
    }

    /// `apply`, whatever comes of it.
    pub(crate) fn try_apply(&self, more: &[&str]) -> Outcome {
        self.with_options(&["apply", "-json", "-auto-approve"], more)
    }

    /// `plan`, which must succeed; see [`Outcome::is_empty_plan`].
    pub(crate) fn plan(&self) -> Outcome {
        self.plan_with(&[])
    }

    /// `plan` with more arguments, which must succeed.
    pub(crate) fn plan_with(&self, more: &[&str]) -> Outcome {
        self.try_plan(more).expect_success()
    }

    /// `plan`, which must fail.
    pub(crate) fn plan_fails(&self) -> Outcome {
        self.try_plan(&[]).expect_failure()
    }

    /// `plan`, whatever comes of it. Status 2 is a plan with changes.
    pub(crate) fn try_plan(&self, more: &[&str]) -> Outcome {
        self.with_options(&["plan", "-json", "-detailed-exitcode"], more)
    }

    /// The plan as people read it.
    pub(crate) fn plan_text(&self) -> String {
        self.with_options(&["plan", "-no-color", "-input=false"], &[]).expect_success().stdout
    }

    /// The plan as data: `resource_changes` and the rest.
    pub(crate) fn plan_json(&self) -> Value {
        self.with_options(&["plan", "-no-color", "-input=false", "-out=it.plan"], &[]).expect_success();
        self.run(&["show", "-json", "it.plan"]).expect_success().json()
    }

    /// Panics with the plan unless there is nothing to do, neither from the state alone nor after a refresh.
    pub(crate) fn insist_on_empty_plan(&self) {
        for refresh in ["-refresh=false", "-refresh=true"] {
            let outcome = self.try_plan(&[refresh]);
            if outcome.status != 0 {
                let readable = self.run(&["plan", "-no-color", "-input=false", refresh]);
                panic!("the plan after apply is not empty ({refresh}):\n{}\n{}", outcome.messages(), readable.all());
            }
        }
    }

    /// `destroy`, which must succeed.
    pub(crate) fn destroy(&self) -> Outcome {
        self.destroy_with(&[])
    }

    /// `destroy` with more arguments, which must succeed.
    pub(crate) fn destroy_with(&self, more: &[&str]) -> Outcome {
        self.try_destroy(more).expect_success()
    }

    /// `destroy`, whatever comes of it.
    pub(crate) fn try_destroy(&self, more: &[&str]) -> Outcome {
        self.with_options(&["destroy", "-json", "-auto-approve"], more)
    }

    /// `apply -refresh-only`, which must succeed.
    pub(crate) fn refresh(&self) -> Outcome {
        self.apply_once(&["-refresh-only"])
    }

    /// `import ADDRESS ID`, whatever comes of it.
    pub(crate) fn import(&self, address: &str, id: &str) -> Outcome {
        self.run(&["import", "-no-color", "-input=false", address, id])
    }

    /// `state rm`
    pub(crate) fn forget(&self, address: &str) {
        self.run(&["state", "rm", address]).expect_success();
    }

    /// The state as data.
    pub(crate) fn state(&self) -> Value {
        self.run(&["show", "-json"]).expect_success().json()
    }

    /// Addresses in the state.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let outcome = self.run(&["state", "list"]);
        outcome.stdout.lines().map(str::to_owned).collect()
    }

    /// One object's attributes in the state; null when it is not there.
    pub(crate) fn attributes(&self, address: &str) -> Value {
        let state = self.state();
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        let found = resources.into_iter().find(|it| it["address"] == address);
        found.map_or(Value::Null, |it| it["values"].clone())
    }

    /// Whether an object is in the state and marked as tainted.
    pub(crate) fn is_tainted(&self, address: &str) -> bool {
        let state = self.state();
        let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
        resources.iter().any(|it| it["address"] == address && it["tainted"] == true)
    }

    /// Outputs by name, sensitive ones too.
    pub(crate) fn outputs(&self) -> Value {
        self.run(&["output", "-json"]).expect_success().json()
    }

    /// Panics if one of these stands anywhere: logs at TRACE, all that was printed, states and their backups.
    /// Plan files are compressed: show them first, so that what they hold was printed.
    pub(crate) fn no_secret_anywhere(&self, secrets: &[&str]) {
        let mut places = vec![("what was printed".to_owned(), self.said.borrow().clone())];
        for entry in fs::read_dir(self.path()).expect("the folder").flatten() {
            if entry.path().is_file() {
                let bytes = fs::read(entry.path()).expect("a file");
                places.push((
                    entry.file_name().to_string_lossy().into_owned(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                ));
            }
        }
        assert!(places.iter().any(|(name, text)| name == "trace.log" && text.contains("[TRACE]")), "no log at TRACE");
        for secret in secrets {
            assert!(secret.len() >= 6, "too short to look for: {secret}");
            for (place, text) in &places {
                if let Some(at) = text.find(secret) {
                    let from = text.floor_char_boundary(at.saturating_sub(300));
                    panic!("a secret stands in {place}: …{}…", &text[from..at]);
                }
            }
        }
    }
}
