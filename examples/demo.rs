//! `make demo`: the Databricks guide in one apply, with a real consumer, against a stand-in for Neon on this machine.
//!
//! Everything it shows is asked from the servers themselves. It leaves nothing behind, also after Ctrl-C.
#![expect(clippy::print_stdout, reason = "it is made to be watched")]
#![expect(clippy::disallowed_methods, reason = "it is a client of the servers it shows, and reads its environment")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

#[path = "../tests/it/support/cli.rs"]
mod cli;
#[path = "../tests/it/support/outcome.rs"]
#[expect(dead_code, reason = "shared with the tests; the demo uses a part")]
mod outcome;
#[path = "../tests/it/support/secrets.rs"]
mod secrets;
#[path = "../tests/it/support/sql.rs"]
#[expect(dead_code, reason = "shared with the tests; the demo uses a part")]
mod sql;
#[path = "../tests/it/support/stand_in.rs"]
#[expect(dead_code, reason = "shared with the tests; the demo uses a part")]
mod stand_in;
#[path = "../tests/it/support/terraform.rs"]
#[expect(dead_code, reason = "shared with the tests; the demo uses a part")]
mod terraform;

use sql::literal;
use stand_in::StandIn;
use terraform::Workspace;

/// The configuration of the guide, as a user would copy it.
const GUIDE: &str = include_str!("guides/databricks-lakeflow/main.tf");

/// What the guide calls its things.
const ROLE: &str = "databricks_replication";
const PUBLICATION: &str = "databricks_publication";
const SLOT: &str = "databricks_slot";
const TABLE: &str = "playing_with_neon";

/// Why the demo ended early.
enum Stopped {
    /// Ctrl-C, or a SIGTERM.
    Interrupted,
    /// Something was not as it should be.
    Failed(String),
}

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The CLI that runs at the moment; it is told of the interrupt. 0 when there is none.
static RUNNING: AtomicI32 = AtomicI32::new(0);

fn main() -> ExitCode {
    let began = Instant::now();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            println!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(watch_for_interrupts());
    match (Demo { began, step: 0 }).run() {
        Ok(()) => {
            println!("\nDone in {:.0} s. Nothing is left running.", began.elapsed().as_secs_f32());
            ExitCode::SUCCESS
        }
        Err(Stopped::Interrupted) => {
            println!("\nInterrupted. The servers have ended, nothing is left running.");
            ExitCode::from(130)
        }
        Err(Stopped::Failed(why)) => {
            println!("\nThe demo failed: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn watch_for_interrupts() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        INTERRUPTED.store(true, Ordering::SeqCst);
        println!("\nStopping …");
        // The CLI runs in a group of its own, so that it hears of Ctrl-C once and from us. A second one makes it leave
        // at once.
        let running = RUNNING.load(Ordering::SeqCst);
        if running != 0 {
            let _ = kill(Pid::from_raw(running), Signal::SIGINT);
        }
    }
}

fn go_on() -> Result<(), Stopped> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Stopped::Interrupted) } else { Ok(()) }
}

fn failed(why: impl Into<String>) -> Stopped {
    if INTERRUPTED.load(Ordering::SeqCst) { Stopped::Interrupted } else { Stopped::Failed(why.into()) }
}

struct Demo {
    began: Instant,
    step: u32,
}

impl Demo {
    fn run(mut self) -> Result<(), Stopped> {
        self.step("A stand-in for Neon starts, with a real Postgres 17")?;
        let neon = StandIn::start(17);
        say(&format!("project {} on {}", neon.ready.project_id, neon.ready.api_url));
        say(&format!("wal_level is {}: logical replication is off", neon.value("SHOW wal_level")));

        self.step("The guide's sample table, with its rows")?;
        neon.sample_table();
        say(&format!("{TABLE} has {} rows", neon.value(&format!("SELECT count(*) FROM {TABLE}"))));
        let before = Traces::of(&neon);

        self.step("terraform apply: examples/guides/databricks-lakeflow, as it stands (in a folder of its own)")?;
        let workspace = Workspace::new(&neon);
        workspace.write_file("main.tf", GUIDE);
        Self::cli(&workspace, &["apply", "-auto-approve"], Show::Progress)?;

        self.step("What Databricks takes")?;
        let outputs = workspace.outputs();
        let of = |output: &str, key: &str| outputs[output]["value"][key].as_str().unwrap_or_default().to_owned();
        for key in ["host", "port", "user"] {
            say(&format!("databricks_connection  {key:<17} {}", of("databricks_connection_options", key)));
        }
        let password = of("databricks_connection_options", "password");
        say(&format!(
            "databricks_connection  password          {}… ({} characters)",
            &password[..4.min(password.len())],
            password.len()
        ));
        for key in ["slot_name", "publication_name"] {
            say(&format!("databricks_pipeline    {key:<17} {}", of("databricks_slot_config", key)));
        }
        say(&format!("wal_level is {}", neon.value("SHOW wal_level")));
        Traces::of(&neon).show();

        self.step("The next plan is empty")?;
        Self::cli(&workspace, &["plan", "-detailed-exitcode"], Show::Verdict)?;

        self.step("A real consumer: a second Postgres, subscribed to that slot and publication (create_slot = false)")?;
        let consumer = StandIn::start(17);
        self.attach(&neon, &consumer, &password)?;

        self.step("Rows change at the source and arrive at the consumer")?;
        self.change_rows(&neon, &consumer)?;

        self.step("A plan that is refused: a slot whose publication is not there")?;
        workspace.write_file(
            "refused.tf",
            &format!(
                r#"
resource "neonrep_slot" "too_early" {{
  publication_id = {:?}
  name           = "too_early"
}}
"#,
                neon.id_of("not_there")
            ),
        );
        Self::cli(&workspace, &["plan"], Show::Refusal)?;
        let _ = std::fs::remove_file(workspace.path().join("refused.tf"));

        self.step("The subscription is dropped, and leaves the slot alone (slot_name = NONE)")?;
        detach(&neon, &consumer)?;

        self.step("terraform destroy")?;
        Self::cli(&workspace, &["destroy", "-auto-approve"], Show::Progress)?;

        self.step("What Postgres says is left")?;
        let after = Traces::of(&neon);
        after.show();
        if after != before {
            return Err(failed("something is not as it was before"));
        }
        say("as before the apply; logical replication stays enabled, it cannot be disabled");
        drop(consumer);
        drop(neon);
        Ok(())
    }

    fn step(&mut self, what: &str) -> Result<(), Stopped> {
        go_on()?;
        self.step += 1;
        println!("\n{:>2}. [{:>4.1} s] {what}", self.step, self.began.elapsed().as_secs_f32());
        Ok(())
    }

    /// Runs the CLI and shows what matters of its output while it comes.
    fn cli(workspace: &Workspace, arguments: &[&str], show: Show) -> Result<(), Stopped> {
        go_on()?;
        let mut all = arguments.to_vec();
        all.push("-json");
        let mut command = workspace.command(&all);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.env_remove("TF_LOG").env_remove("TF_LOG_PATH");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child: Child = command.spawn().map_err(|error| failed(error.to_string()))?;
        RUNNING.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| stderr.map(|it| show.pass_on(BufReader::new(it))));
            if let Some(it) = stdout {
                show.pass_on(BufReader::new(it));
            }
        });
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        RUNNING.store(0, Ordering::SeqCst);
        go_on()?;
        let command = format!("{} {}", cli::program().display(), arguments.join(" "));
        match (show, status.code()) {
            (Show::Refusal, Some(1)) | (Show::Progress | Show::Verdict, Some(0)) => Ok(()),
            (Show::Refusal, _) => Err(failed(format!("`{command}` was not refused"))),
            (Show::Verdict, Some(2)) => Err(failed("the plan is not empty")),
            (_, code) => Err(failed(format!("`{command}` ended with {code:?}"))),
        }
    }

    fn attach(&self, neon: &StandIn, consumer: &StandIn, password: &str) -> Result<(), Stopped> {
        consumer.sql(&format!("CREATE TABLE {TABLE}(id INT PRIMARY KEY, name TEXT NOT NULL, value REAL)"));
        // `sslcert=none`: libpq would look for a certificate in the home of whoever started all this.
        let source = format!(
            "host={} port={} dbname={} user={ROLE} password={password} sslmode=verify-full sslrootcert={} sslcert=none",
            neon.ready.host, neon.ready.port, neon.ready.database, neon.ready.sslrootcert
        );
        // As superuser: on Neon too, an ordinary role may subscribe only with a password in the connection.
        consumer.sql(&format!(
            "CREATE SUBSCRIPTION demo CONNECTION {} PUBLICATION {PUBLICATION} WITH (create_slot = false, slot_name = {})",
            literal(&source),
            literal(SLOT)
        ));
        self.wait(consumer, &format!("SELECT count(*) FROM {TABLE}"), "10", "rows were copied at the start")?;
        let user = neon.value(&format!(
            "SELECT usename FROM pg_stat_activity WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = {})",
            literal(SLOT)
        ));
        say(&format!("the slot is held by {user}, the role that was made"));
        Ok(())
    }

    fn change_rows(&self, neon: &StandIn, consumer: &StandIn) -> Result<(), Stopped> {
        let change = |statement: &str| -> Result<(), Stopped> {
            say(&format!("source:   {statement}"));
            neon.sql_as_owner(statement).map(drop).map_err(|error| failed(error.to_string()))
        };
        change(&format!("INSERT INTO {TABLE}(name, value) VALUES ('from Neon', 42)"))?;
        self.wait(
            consumer,
            &format!("SELECT value FROM {TABLE} WHERE name = 'from Neon'"),
            "42",
            "is the new row's value",
        )?;
        change(&format!("UPDATE {TABLE} SET value = 43 WHERE name = 'from Neon'"))?;
        self.wait(consumer, &format!("SELECT value FROM {TABLE} WHERE name = 'from Neon'"), "43", "is its value now")?;
        change(&format!("DELETE FROM {TABLE} WHERE name = 'from Neon'"))?;
        self.wait(
            consumer,
            &format!("SELECT count(*) FROM {TABLE} WHERE name = 'from Neon'"),
            "0",
            "such rows are left",
        )
    }

    /// Asks the consumer until it answers as expected.
    #[expect(clippy::unused_self, reason = "reads as what the demo does")]
    fn wait(&self, consumer: &StandIn, query: &str, expected: &str, means: &str) -> Result<(), Stopped> {
        let until = Instant::now() + Duration::from_secs(30);
        let session = consumer.session();
        loop {
            go_on()?;
            let found = session.run(query).map_err(|error| failed(error.to_string()))?;
            let found = sql::single(&found);
            if found == expected {
                say(&format!("consumer: {found} {means}"));
                return Ok(());
            }
            if Instant::now() > until {
                return Err(failed(format!("the consumer has {found}, not {expected}: {query}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn detach(neon: &StandIn, consumer: &StandIn) -> Result<(), Stopped> {
    for statement in
        ["ALTER SUBSCRIPTION demo DISABLE", "ALTER SUBSCRIPTION demo SET (slot_name = NONE)", "DROP SUBSCRIPTION demo"]
    {
        say(&format!("consumer: {statement}"));
        consumer.sql(statement);
    }
    let until = Instant::now() + Duration::from_secs(30);
    let query = format!("SELECT active FROM pg_replication_slots WHERE slot_name = {}", literal(SLOT));
    while neon.value(&query) != "f" {
        go_on()?;
        if Instant::now() > until {
            return Err(failed("the slot is still held"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    say("source:   the slot is free, and still there for whoever comes next");
    Ok(())
}

/// What an apply leaves in Postgres, and a destroy must take away.
#[derive(PartialEq, Eq)]
struct Traces(Vec<(&'static str, String)>);

impl Traces {
    fn of(neon: &StandIn) -> Self {
        let role = literal(ROLE);
        let questions = [
            ("roles of that name", format!("SELECT count(*) FROM pg_roles WHERE rolname = {role}")),
            (
                "grants on tables, schemas and the database",
                format!(
                    "SELECT count(*) FROM (SELECT relacl AS acl FROM pg_class UNION ALL SELECT nspacl FROM pg_namespace \
                     UNION ALL SELECT datacl FROM pg_database) AS it, aclexplode(it.acl) AS one \
                     WHERE one.grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname <> {role}) AND one.grantee <> 0"
                ),
            ),
            (
                "default privileges",
                format!(
                    "SELECT count(*) FROM pg_default_acl AS it, aclexplode(it.defaclacl) AS one \
                     WHERE one.grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname <> {role}) AND one.grantee <> 0"
                ),
            ),
            ("publications", "SELECT count(*) FROM pg_publication".to_owned()),
            ("logical slots", "SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'".to_owned()),
            (
                "replica identity of the table",
                format!(
                    "SELECT CASE relreplident WHEN 'd' THEN 'default' WHEN 'f' THEN 'full' ELSE relreplident::text END \
                     FROM pg_class WHERE oid = {}::regclass",
                    literal(TABLE)
                ),
            ),
        ];
        Self(questions.into_iter().map(|(name, query)| (name, neon.value(&query))).collect())
    }

    fn show(&self) {
        for (name, found) in &self.0 {
            say(&format!("{name:<43} {found}"));
        }
    }
}

fn say(text: &str) {
    println!("      {text}");
}

/// What of the CLI's output is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    /// Each resource as it begins and ends, warnings, the sum.
    Progress,
    /// Only the verdict on a plan.
    Verdict,
    /// Only errors.
    Refusal,
}

impl Show {
    fn pass_on(self, output: impl BufRead) {
        let mut warned = BTreeSet::new(); // a plan and its apply warn of the same
        for line in output.lines().map_while(Result::ok) {
            match serde_json::from_str::<Value>(&line) {
                Ok(event) if event["diagnostic"]["severity"] == "warning" => {
                    if warned.insert(event["diagnostic"]["summary"].to_string()) {
                        self.event(&event);
                    }
                }
                Ok(event) => self.event(&event),
                Err(_) => say(&line), // the CLI itself went wrong
            }
        }
    }

    fn event(self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap_or_default() {
            "apply_start" | "apply_progress" | "apply_complete" | "change_summary" if self == Self::Progress => {
                say(&text(&event["@message"]));
            }
            "change_summary" if self == Self::Verdict && event["changes"]["operation"] == "plan" => {
                let of = |what: &str| event["changes"][what].as_u64().unwrap_or_default();
                say(&format!("{} to add, {} to change, {} to destroy", of("add"), of("change"), of("remove")));
            }
            "diagnostic" => {
                let found = &event["diagnostic"];
                let is_error = found["severity"] == "error";
                let of_overrides = text(&found["summary"]).contains("development overrides");
                if is_error || (self == Self::Progress && !of_overrides) {
                    Self::message(found, is_error);
                }
            }
            _ => {}
        }
    }

    /// An error whole, a warning by its first sentence.
    fn message(found: &Value, is_error: bool) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        say(&format!("{}: {}", if is_error { "Error" } else { "Warning" }, text(&found["summary"])));
        if !is_error {
            return;
        }
        if !text(&found["address"]).is_empty() {
            say(&format!("  at {}: {}", text(&found["address"]), text(&found["snippet"]["code"]).trim()));
        }
        for line in text(&found["detail"]).lines() {
            say(&format!("  {line}"));
        }
    }
}
