//! `make bench`: what plans and applies over many objects of one database cost the server, the provider and the user.
//!
//! Linked into a folder as `terraform-provider-neonrep` it starts the real provider in its place and notes its
//! processor time and peak memory: the CLI starts providers itself, so that nobody else can ask for them.
#![expect(clippy::print_stdout, reason = "it is made to be read")]
#![expect(clippy::disallowed_methods, reason = "it reads its environment and is a client of the server it watches")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

mod apply;
#[path = "../../tests/it/support/cli.rs"]
mod cli;
#[path = "../../tests/it/support/outcome.rs"]
#[expect(dead_code, reason = "shared with the tests; this uses a part")]
mod outcome;
mod relay;
mod road;
#[path = "../../tests/it/support/secrets.rs"]
mod secrets;
#[path = "../../tests/it/support/sql.rs"]
#[expect(dead_code, reason = "shared with the tests; this uses a part")]
mod sql;
#[path = "../../tests/it/support/stand_in.rs"]
#[expect(dead_code, reason = "shared with the tests; this uses a part")]
mod stand_in;
#[path = "../../tests/it/support/terraform.rs"]
#[expect(dead_code, reason = "shared with the tests; this uses a part")]
mod terraform;

use road::{Road, number};
use stand_in::StandIn;
use terraform::Workspace;

/// How many publications.
const SIZES: [usize; 2] = [100, 1_000];

/// How many pairs of plans: one over publications and, right after it, one over `terraform_data`.
const PAIRS: usize = 5;

/// Where the real provider is, when this program stands in its place; and where it notes what that one used.
const REAL: &str = "NEONREP_BENCH_PROVIDER";
const NOTES: &str = "NEONREP_BENCH_NOTES";

/// What go-plugin sets for each plugin.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

fn main() -> ExitCode {
    if let (Some(real), Some(notes)) = (std::env::var_os(REAL), std::env::var_os(NOTES)) {
        return stand_for(Path::new(&real), Path::new(&notes));
    }
    let provider = cli::provider(); // NEONREP_PROVIDER names the release build: what users run
    println!("{}: {} KiB", provider.display(), fs::metadata(&provider).map_or(0, |it| it.len() / 1024));
    println!("start to handshake line: {:.1} ms (median of 20)", handshake(&provider));
    let stand_in = StandIn::start_with(17, &["--logical", "--set", "log_statement = 'all'"]);
    stand_in.sample_table();
    apply::measure(&stand_in);
    for size in SIZES {
        measure(&stand_in, &provider, size);
    }
    ExitCode::SUCCESS
}

/// Runs the provider as the CLI would see it, then notes what it used.
fn stand_for(real: &Path, notes: &Path) -> ExitCode {
    let mut command = Command::new(real);
    command.args(std::env::args_os().skip(1)).env_remove(REAL).env_remove(NOTES);
    let Ok(status) = command.status() else { return ExitCode::FAILURE };
    if let Ok(used) = getrusage(UsageWho::RUSAGE_CHILDREN) {
        let line = format!("{} {}\n", processor(&used), used.max_rss());
        let appended = fs::File::options().create(true).append(true).open(notes);
        let _ = appended.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

/// Seconds of processor time.
fn processor(used: &Usage) -> f64 {
    let seconds = |time: TimeVal| {
        let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0)).as_secs_f64()
            + Duration::from_micros(micros).as_secs_f64()
    };
    seconds(used.user_time()) + seconds(used.system_time())
}

/// Milliseconds from start to the line that says where the provider listens.
fn handshake(provider: &Path) -> f64 {
    let mut taken: Vec<f64> = (0..20)
        .map(|_| {
            let began = Instant::now();
            let mut command = Command::new(provider);
            command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6");
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().expect("the provider starts");
            let mut line = String::new();
            BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
            let elapsed = began.elapsed().as_secs_f64() * 1000.0;
            assert!(line.starts_with("1|6|"), "not a handshake: {line}");
            let _ = child.kill();
            let _ = child.wait();
            elapsed
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    f64::midpoint(taken[9], taken[10])
}

fn measure(stand_in: &StandIn, provider: &Path, size: usize) {
    let workspace = Workspace::new(stand_in);
    let stand_for = workspace.path().join(".plugins").join("terraform-provider-neonrep");
    fs::remove_file(&stand_for).expect("the link to the provider");
    std::os::unix::fs::symlink(std::env::current_exe().expect("our own path"), &stand_for).expect("a link to us");
    let notes = workspace.path().join("usage.txt");
    let road = Road::build(stand_in, &workspace, Duration::ZERO);
    workspace.set_env(REAL, provider.display().to_string());
    workspace.set_env(NOTES, notes.display().to_string());

    workspace.write(&format!(
        "resource \"neonrep_publication\" \"many\" {{\n  count      = {size}\n  project_id = var.project_id\n  \
         database   = \"neondb\"\n  name       = \"bench_${{count.index}}\"\n  tables     = [{{ name = \"playing_with_neon\" }}]\n}}\n"
    ));
    let began = Instant::now();
    quietly(&workspace, &["apply", "-auto-approve"]);
    let applied = began.elapsed();

    let plain = Workspace::bare();
    plain.write_file(
        "main.tf",
        &format!(
            "resource \"terraform_data\" \"many\" {{\n  count = {size}\n  input = \"bench_${{count.index}}\"\n}}\n"
        ),
    );
    quietly(&plain, &["init"]);
    quietly(&plain, &["apply", "-auto-approve"]);

    let _ = fs::remove_file(&notes);
    road.reset();
    let plan = |workspace: &Workspace| timed(|| quietly(workspace, &["plan", "-detailed-exitcode"]));
    // One after the other, so that a slow minute of the machine falls on both.
    let pairs: Vec<(Run, Run)> = (0..PAIRS).map(|_| (plan(&workspace), plan(&plain))).collect();
    let plans = number(PAIRS);
    let passed = road.passed();
    let usage = fs::read_to_string(&notes).unwrap_or_default();
    let (mut cpu, mut peak) = (0.0_f64, 0_u64);
    for (seconds, kib) in usage.lines().filter_map(|line| line.split_once(' ')) {
        cpu += seconds.parse::<f64>().unwrap_or(0.0);
        peak = peak.max(kib.parse().unwrap_or(0));
    }

    let cpu = cpu / plans;
    let of_plans = |run: fn(&(Run, Run)) -> f64| middle(pairs.iter().map(run));
    let mut report = format!("\n{size} publications in one database (apply: {:.1} s)\n", applied.as_secs_f64());
    let mut row = |name: &str, value: String| {
        let _ = writeln!(report, "  {name:<44} {value}");
    };
    row("connections to Postgres per plan", format!("{:.0}", passed.connections / plans));
    row("statements per plan", format!("{:.0}", passed.statements / plans));
    row("round trips to Postgres per plan", format!("{:.0}", passed.round_trips / plans));
    row("calls of the API per plan", format!("{:.0}", passed.calls / plans));
    row("peak memory of the provider", format!("{:.1} MiB", kib_to_mib(peak)));
    row("processor time per plan, the provider", format!("{cpu:.2} s"));
    row("processor time per plan, the CLI", format!("{:.2} s", of_plans(|it| it.0.processor) - cpu));
    row("the same over as many terraform_data", format!("{:.2} s", of_plans(|it| it.1.processor)));
    row("terraform plan", format!("{:.2} s", of_plans(|it| it.0.elapsed)));
    row("the same over as many terraform_data", format!("{:.2} s", of_plans(|it| it.1.elapsed)));
    row(&format!("ratio (median of {PAIRS} pairs)"), format!("{:.2}", of_plans(|it| it.0.elapsed / it.1.elapsed)));
    println!("{report}");
    quietly(&workspace, &["destroy", "-auto-approve"]);
}

fn kib_to_mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

/// Runs the CLI without its log at TRACE.
fn quietly(workspace: &Workspace, arguments: &[&str]) {
    let mut command = workspace.command(arguments);
    command.args(["-no-color", "-input=false"]).env_remove("TF_LOG").env_remove("TF_LOG_PATH");
    let output = command.output().expect("the CLI starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}{said}", String::from_utf8_lossy(&output.stdout));
}

/// One run of the CLI, in seconds.
struct Run {
    elapsed: f64,
    /// Of the CLI and all that it started.
    processor: f64,
}

fn timed(run: impl FnOnce()) -> Run {
    let used = || getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |it| processor(&it));
    let (before, began) = (used(), Instant::now());
    run();
    Run { elapsed: began.elapsed().as_secs_f64(), processor: used() - before }
}

/// The median of an odd number of values.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
