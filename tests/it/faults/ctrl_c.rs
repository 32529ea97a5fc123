//! Ctrl-C at each step of each resource, on the real CLI: once, and twice.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::bench::{Bench, Plan};
use super::cases::{CASES, Case, Unrecorded};
use super::steps::{self, Step, Verb};
use super::table::{At, Does, Expected, Fault, When};
use super::{Wanted, each, fingerprint, say, shuffle, text_of};
use crate::support::terraform::Workspace;

/// How many cells are in a sample, and for how long cells of one are begun.
const SAMPLE: usize = 8;
const SAMPLE_TIME: Duration = Duration::from_mins(1);

/// Between Ctrl-C and what happens next: the CLI and the provider have heard of it.
const HEARD: Duration = Duration::from_millis(300);

const VERBS: [Verb; 3] = [Verb::Create, Verb::Update, Verb::Delete];
const ADDRESS: &str = "this";

struct Cell {
    case: &'static Case,
    verb: Verb,
    step: Step,
    times: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = format!("{:?}", self.verb).to_lowercase();
        write!(f, "cli/{}/{verb}/Ctrl-C × {}/{}", self.case.name, self.times, self.step)
    }
}

struct Recorded {
    case: &'static Case,
    steps: Vec<(Verb, Vec<Step>)>,
    created: String,
    updated: String,
}

#[test]
fn ctrl_c_once_and_twice_at_every_step() {
    let (wanted, begun) = (Wanted::of_environment(), Instant::now());
    let recorded = each(CASES.iter().collect(), |bench, case| Some(record(bench, case)));
    let mut cells = Vec::new();
    for Recorded { case, steps, .. } in &recorded {
        for (verb, steps) in steps {
            for step in steps.iter().filter(|it| **it != Step::Start) {
                cells.extend([1, 2].map(|times| Cell { case, verb: *verb, step: step.clone(), times }));
            }
        }
    }
    cells.sort_by_key(ToString::to_string);
    let all = cells.len();
    match &wanted {
        Wanted::All => shuffle(&mut cells, 1),
        Wanted::Named(_) => cells.retain(|cell| wanted.names(&cell.to_string())),
        Wanted::Sample(seed) => {
            shuffle(&mut cells, *seed);
            cells.truncate(SAMPLE);
        }
    }
    let until = Instant::now() + SAMPLE_TIME;
    let (count, failures) = (cells.len(), Mutex::new(Vec::new()));
    let ran = each(cells, |bench, cell| {
        if matches!(wanted, Wanted::Sample(_)) && Instant::now() > until {
            return None;
        }
        let recorded = recorded.iter().find(|it| it.case.name == cell.case.name).expect("a case");
        let ran = catch_unwind(AssertUnwindSafe(|| cell.run(bench, recorded)));
        if matches!(wanted, Wanted::Named(_)) {
            say(&format!("{} {cell}", if ran.is_ok() { "ok  " } else { "FAIL" }));
        }
        match ran {
            Ok(true) => {}
            Ok(false) => bench.reset(),
            Err(panic) => {
                failures.lock().expect("failures").push(format!("{cell}\n{}", text_of(panic.as_ref())));
                bench.reset();
            }
        }
        Some(())
    });
    let failures = failures.into_inner().expect("failures");
    say(&format!(
        "Ctrl-C: {} of {count} cells ran ({all} in all), {} failed, {} s",
        ran.len(),
        failures.len(),
        begun.elapsed().as_secs()
    ));
    assert!(failures.is_empty(), "{} cells failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

fn config(bench: &Bench, case: &Case, verb: Verb) -> Json {
    let updated = if verb == Verb::Update { bench.updated(case) } else { None };
    updated.unwrap_or_else(|| bench.created(case))
}

/// The configuration, as Terraform reads it in JSON.
fn write(workspace: &Workspace, case: &Case, config: &Json) {
    let body = json!({ "resource": { case.type_name: { ADDRESS: config } } });
    // Over several lines: a message shows the one that it is about, and the connection string stands in another.
    workspace.write_file("case.tf.json", &serde_json::to_string_pretty(&body).expect("JSON"));
}

fn workspace(bench: &Bench) -> Workspace {
    let workspace = Workspace::new(&bench.stand_in);
    workspace.set_env("NEONREP_IP_ALLOW_DELAY", "50ms");
    workspace.write_with_provider("provider \"neonrep\" {}\n");
    workspace
}

fn record(bench: &Bench, case: &'static Case) -> Recorded {
    bench.begin(case);
    let workspace = workspace(bench);
    let mut recorded = Recorded { case, steps: Vec::new(), created: String::new(), updated: String::new() };
    for verb in VERBS.into_iter().filter(|verb| *verb != Verb::Update || case.changes()) {
        write(&workspace, case, &config(bench, case, verb));
        bench.count_from_here();
        match verb {
            Verb::Delete => drop(workspace.destroy()),
            _ => drop(workspace.apply_once(&[])),
        }
        recorded.steps.push((verb, steps::of(&bench.stand_in)));
        match verb {
            Verb::Create => recorded.created = bench.fingerprint(case),
            Verb::Update => recorded.updated = bench.fingerprint(case),
            _ => {}
        }
    }
    recorded
}

/// What a terminal does at Ctrl-C: the whole group hears it, the provider too.
fn ctrl_c(child: &Child) {
    let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGINT); // it may have ended by itself
    std::thread::sleep(HEARD);
}

impl Cell {
    /// Whether the stand-in is as before.
    fn run(&self, bench: &Bench, recorded: &Recorded) -> bool {
        let base = bench.begin(self.case);
        let workspace = workspace(bench);
        if self.verb != Verb::Create {
            write(&workspace, self.case, &config(bench, self.case, Verb::Create));
            workspace.apply_once(&[]);
        }
        let config = config(bench, self.case, self.verb);
        write(&workspace, self.case, &config);
        let at = if self.step.is(At::Round) { At::Round } else { At::Get };
        let does = Does::Interrupt(When::Before);
        let fault = Fault { name: "Ctrl-C", at, does, expected: Expected::Passes, slow: false };
        bench.arm(Some(Plan { fault: &fault, step: &self.step }));
        let command = if self.verb == Verb::Delete { "destroy" } else { "apply" };
        let mut child = workspace.start(&[command, "-json", "-auto-approve"]);
        let held = bench.holds(|| child.try_wait().expect("a child").is_some());
        if held {
            ctrl_c(&child);
            if self.times == 2 {
                ctrl_c(&child);
            }
        }
        if self.times == 1 {
            bench.heal();
        }
        let outcome = workspace.finish_child(child);
        bench.heal();
        if held && outcome.status != 0 && self.times == 1 {
            // Between two calls of the provider the CLI ends the run itself.
            let said = outcome.messages();
            assert!(said.contains("nterrupt") || said.contains("execution halted"), "it says: {said}");
        }
        assert!(held || outcome.status == 0, "without Ctrl-C: {}", outcome.messages());
        let address = format!("{}.{ADDRESS}", self.case.type_name);
        if self.verb == Verb::Create && self.times == 1 && !workspace.addresses().contains(&address) {
            assert_eq!(bench.fingerprint(self.case), base, "something exists that is in no state");
        }
        if self.verb != Verb::Delete {
            self.converge(bench, &workspace, &address);
            let wanted = if self.verb == Verb::Update { &recorded.updated } else { &recorded.created };
            assert_eq!(bench.fingerprint(self.case), *wanted, "after the next apply");
            workspace.insist_on_empty_plan();
        }
        workspace.destroy();
        let left = bench.fingerprint(self.case);
        let is_clean = left == base || self.case.name == "logical_replication";
        // What a killed provider created or added counts as found before.
        let counts_as_found = self.times == 2 && self.case.unrecorded == Unrecorded::Kept;
        match self.verb {
            _ if is_clean => {}
            Verb::Create if counts_as_found => assert_eq!(left, recorded.created, "after the destroy"),
            Verb::Update if counts_as_found => {
                let strange = fingerprint::beyond(&left, [&recorded.updated, &base]);
                assert_eq!(strange, Vec::<&str>::new(), "after the destroy");
            }
            _ => assert_eq!(left, base, "after the destroy"),
        }
        is_clean
    }

    /// The next apply. The second Ctrl-C may cost the state what was being created; nothing is created twice in silence.
    fn converge(&self, bench: &Bench, workspace: &Workspace, address: &str) {
        let outcome = workspace.try_apply(&[]);
        if outcome.status == 0 {
            return;
        }
        let unrecorded = self.times == 2 && self.verb == Verb::Create && self.case.unrecorded == Unrecorded::Imported;
        assert!(unrecorded, "the next apply: {}", outcome.messages());
        outcome.insist_error("already exists");
        workspace.import(address, &(self.case.id)(&bench.stand_in.ready)).expect_success();
        workspace.apply_once(&[]);
    }
}
