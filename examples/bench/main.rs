//! `make bench`: what plans and applies over many objects of one database cost the server, the provider and the user.
//!
//! `make bench ROWS=apply` runs one part; see [`PARTS`]. `make bench ROWS=plan COUNT=5000` takes another number of objects.
//!
//! Linked into a folder as the program of a provider it starts the real one in its place and notes its processor time and
//! peak memory: the CLI starts providers itself, so that nobody else can ask for them.
#![expect(clippy::print_stdout, reason = "it is made to be read")]
#![expect(clippy::disallowed_methods, reason = "it reads its environment and is a client of the server it watches")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

mod apply;
#[path = "../../tests/it/support/cli.rs"]
mod cli;
mod floor;
mod large;
#[path = "../../tests/it/support/outcome.rs"]
#[expect(dead_code, reason = "shared with the tests; this uses a part")]
mod outcome;
mod plan;
#[path = "../../tests/it/support/relay.rs"]
mod relay;
#[path = "../../tests/it/support/road.rs"]
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
mod usage;

/// What can be asked for, in the order in which all of it runs.
const PARTS: [&str; 5] = ["start", "apply", "plan", "floor", "large"];

/// How many objects a plan is over, unless the arguments say it.
const COUNTS: [usize; 2] = [100, 1_000];

/// What go-plugin sets for each plugin.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

fn main() -> ExitCode {
    if let Some(code) = usage::stand_for() {
        return code;
    }
    let (mut parts, mut counts) = (Vec::new(), Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(count) => counts.push(count),
            Err(_) if PARTS.contains(&argument.as_str()) => parts.push(argument),
            Err(_) => {
                eprintln!("`{argument}` is neither a number of objects nor one of {PARTS:?}");
                return ExitCode::FAILURE;
            }
        }
    }
    if counts.is_empty() {
        counts = COUNTS.to_vec();
    }
    let provider = cli::provider(); // NEONREP_PROVIDER names the release build: what users run
    for part in PARTS.iter().filter(|part| parts.is_empty() || parts.iter().any(|it| it == *part)) {
        match *part {
            "start" => start(&provider),
            "apply" => apply::measure(),
            "plan" => counts.iter().for_each(|count| plan::measure(&provider, *count)),
            "floor" => floor::measure(&provider, counts.iter().copied().max().unwrap_or_default()),
            _ => large::measure(&provider),
        }
    }
    ExitCode::SUCCESS
}

fn start(provider: &Path) {
    println!("{}: {} KiB", provider.display(), fs::metadata(provider).map_or(0, |it| it.len() / 1024));
    println!("start to handshake line: {:.1} ms (median of 21)", handshake(provider));
}

/// Milliseconds from start to the line that says where the provider listens.
fn handshake(provider: &Path) -> f64 {
    usage::middle((0..21).map(|_| {
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
    }))
}
