//! The fault matrix: every call of the API and every round of the database of every resource × what can go wrong there.
//!
//! `table` says what goes wrong and what is expected, `cases` which resources are changed, `steps` finds the steps of a
//! change in a run in which nothing goes wrong. A cell is one fault at one step. After it the next apply must converge:
//! the server holds exactly what it holds without the fault, the plan is empty, and a destroy leaves what was there before.
//!
//! `make test` runs a sample, the same for the same seed (`NEONREP_FAULTS_SEED`). `make faults` runs all cells.
//! `NEONREP_FAULTS=slot/create+COMMIT,role/` runs the cells whose names contain both of the first texts, or the last.

mod bench;
mod cases;
mod cell;
mod ctrl_c;
mod fingerprint;
mod steps;
mod table;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::core::Core;
use crate::support::stand_in::StandIn;
use bench::{Attempt, Bench};
use cases::{CASES, Case};
use cell::{Cell, Texts};
use steps::{Step, Verb};
use table::{CALLS, EXCEPTIONS, FAULTS};

/// How many cells are in a sample, and for how long cells of one are begun.
const SAMPLE: usize = 60;
const SAMPLE_TIME: Duration = Duration::from_secs(90);

/// How many stand-ins work at once.
const WORKERS: usize = 3;

/// What a run of the matrix is asked for.
enum Wanted {
    All,
    Sample(u64),
    Named(String),
}

impl Wanted {
    fn of_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        match set("NEONREP_FAULTS") {
            Some(all) if all == "all" => Self::All,
            Some(part) => Self::Named(part),
            None => Self::Sample(set("NEONREP_FAULTS_SEED").map_or(1, |seed| seed.parse().expect("a number"))),
        }
    }

    /// Whether a cell of that name is asked for by name.
    fn names(&self, name: &str) -> bool {
        let fits = |texts: &str| texts.split(',').any(|all| all.split('+').all(|part| name.contains(part)));
        matches!(self, Self::Named(texts) if fits(texts))
    }
}

/// What a run without faults shows of a case.
struct Recorded {
    case: &'static Case,
    steps: Vec<(Verb, Vec<Step>)>,
    texts: Texts,
}

#[test]
fn every_fault_at_every_step() {
    let wanted = Wanted::of_environment();
    let begun = Instant::now();
    let recorded = each(CASES.iter().collect(), |bench, case| Some(record(bench, case)));
    let mut cells = cells(&recorded);
    let all = cells.len();
    insist_that_rows_are_used(&cells);
    match &wanted {
        Wanted::All => shuffle(&mut cells, 1), // slow ones are spread
        Wanted::Named(_) => cells.retain(|cell| wanted.names(&cell.to_string())),
        Wanted::Sample(seed) => sample(&mut cells, *seed),
    }
    let until = match wanted {
        Wanted::Sample(_) => Some(Instant::now() + SAMPLE_TIME),
        Wanted::All | Wanted::Named(_) => None,
    };
    let (count, failures) = (cells.len(), Mutex::new(Vec::new()));
    let met = each(cells, |bench, cell| {
        if until.is_some_and(|until| Instant::now() > until) {
            return None;
        }
        let texts = &recorded.iter().find(|it| it.case.name == cell.case.name).expect("a case").texts;
        let begun = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| cell.run(bench, texts)));
        if matches!(wanted, Wanted::Named(_)) {
            say(&format!("{:>6} ms {} {cell}", begun.elapsed().as_millis(), if ran.is_ok() { "ok  " } else { "FAIL" }));
        }
        match ran {
            Ok(ran) => {
                if !ran.is_clean {
                    bench.reset();
                }
                Some(ran.met)
            }
            Err(panic) => {
                failures.lock().expect("failures").push(format!("{cell}\n{}", text_of(panic.as_ref())));
                bench.reset();
                Some(true)
            }
        }
    });
    let failures = failures.into_inner().expect("failures");
    let (ran, missed) = (met.len(), met.iter().filter(|met| !**met).count());
    say(&format!(
        "fault matrix: {ran} of {count} cells ran ({all} in all), {missed} met no step, {} failed, {} s",
        failures.len(),
        begun.elapsed().as_secs()
    ));
    assert!(ran > 0 || matches!(wanted, Wanted::Named(_)), "no cell ran in time");
    assert!(missed * 10 <= ran, "{missed} of {ran} faults met no step: the steps of a change differ from run to run");
    assert!(failures.is_empty(), "{} of {ran} cells failed:\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn every_resource_has_a_row() {
    let stand_in = StandIn::start_logical(crate::support::versions::suite());
    let types: BTreeSet<_> = Core::new(&stand_in).types().into_iter().collect();
    let rows: BTreeSet<_> = CASES.iter().map(|case| case.type_name.to_owned()).collect();
    assert_eq!(rows, types, "src/resources and tests/it/faults/cases.rs");
}

/// Does something with each item, on as many stand-ins as work at once.
fn each<I: Send, O: Send>(items: Vec<I>, work: impl Fn(&mut Bench, &I) -> Option<O> + Sync) -> Vec<O> {
    let (workers, queue) = (WORKERS.min(items.len()), Mutex::new(items));
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let (mut bench, mut done) = (Bench::start(), Vec::new());
                    loop {
                        let next = queue.lock().expect("the queue").pop();
                        let Some(item) = next else { return done };
                        done.extend(work(&mut bench, &item));
                    }
                })
            })
            .collect();
        running.into_iter().flat_map(|it| it.join().expect("a worker")).collect()
    })
}

/// Lives the case once and notes its steps.
fn record(bench: &Bench, case: &'static Case) -> Recorded {
    let created = bench.created(case);
    let base = bench.begin(case);
    let mut steps = Vec::new();
    let mut change = |verb: Verb, prior: Option<&_>, config: &_| {
        let Attempt::Ended { object, messages } = bench.attempt(case, verb, prior, config, None) else {
            panic!("the provider has died");
        };
        messages.insist_no_error();
        steps.push((verb, steps::of(&bench.stand_in)));
        object
    };
    change(Verb::Plan, None, &created);
    let object = change(Verb::Create, None, &created).expect("an object");
    let mut texts = Texts { created: bench.fingerprint(case), ..Texts::default() };
    let mut object = change(Verb::Refresh, Some(&object), &created).expect("an object");
    if let Some(updated) = bench.updated(case) {
        object = change(Verb::Update, Some(&object), &updated).expect("an object");
        texts.updated = bench.fingerprint(case);
    }
    assert!(change(Verb::Delete, Some(&object), &created).is_none());
    if case.name != "logical_replication" {
        assert_eq!(bench.fingerprint(case), base, "what {} leaves", case.name);
    }
    Recorded { case, steps, texts }
}

fn cells(recorded: &[Recorded]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for Recorded { case, steps, .. } in recorded {
        for (verb, steps) in steps {
            for step in steps {
                let (case, verb) = (*case, *verb);
                let here = FAULTS.iter().map(|fault| Cell { case, verb, step: step.clone(), fault });
                cells.extend(here.filter(Cell::exists));
            }
        }
    }
    cells.sort_by_key(ToString::to_string);
    cells
}

/// The same for the same seed: each kind of fault once, then any. Slow ones are left out.
fn sample(cells: &mut Vec<Cell>, seed: u64) {
    cells.retain(|cell| !cell.fault.slow);
    shuffle(cells, seed);
    let mut seen = BTreeSet::new();
    cells.sort_by_key(|cell| !seen.insert((format!("{:?}", cell.fault.at), cell.fault.name)));
    cells.truncate(SAMPLE);
    cells.reverse(); // the last is taken first
}

/// Fisher and Yates with the numbers of `SplitMix64`.
fn shuffle<T>(cells: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..cells.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let other = (mixed ^ (mixed >> 31)) % (last as u64 + 1);
        cells.swap(last, usize::try_from(other).expect("an index"));
    }
}

/// No row of the table is there for nothing.
fn insist_that_rows_are_used(cells: &[Cell]) {
    let calls = |cell: &Cell, (method, path): &(&str, &str)| matches!(&cell.step, Step::Call { method: m, path: p, .. } if m == method && p == path);
    let fits = |cell: &Cell, parts: &[&str]| parts.iter().all(|part| cell.to_string().contains(part));
    let unused = CALLS.iter().filter(|row| !cells.iter().any(|cell| calls(cell, row))).map(|row| format!("{row:?}"));
    let unmet = FAULTS.iter().filter(|row| !cells.iter().any(|cell| std::ptr::eq(cell.fault, *row)));
    let idle = EXCEPTIONS.iter().filter(|(parts, _)| !cells.iter().any(|cell| fits(cell, parts)));
    let rows: Vec<_> =
        unused.chain(unmet.map(|row| format!("{row:?}"))).chain(idle.map(|row| format!("{row:?}"))).collect();
    assert!(rows.is_empty(), "rows of the table that no resource meets:\n{}", rows.join("\n"));
}

/// What a panic said.
fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default()
}

/// To the terminal, past the capture of the test's output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
