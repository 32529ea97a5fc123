//! What a run of the CLI and its provider takes: time, processor time, peak memory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::terraform::Workspace;

/// Where the real provider is, when this program stands in its place; and where it notes what that one used.
const REAL: &str = "NEONREP_BENCH_PROVIDER";
const NOTES: &str = "NEONREP_BENCH_NOTES";

/// The provider's part of the runs since the last reset.
pub(crate) struct Notes(PathBuf);

/// One run of the CLI, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) elapsed: f64,
    /// Of the CLI and all that it started.
    pub(crate) processor: f64,
}

impl Notes {
    /// Puts this program in the provider's place in that workspace.
    pub(crate) fn take(workspace: &Workspace, program: &str, provider: &Path) -> Self {
        let link = workspace.path().join(".plugins").join(program);
        let _ = fs::remove_file(&link);
        symlink(std::env::current_exe().expect("our own path"), &link).expect("a link to us");
        let notes = workspace.path().join("usage.txt");
        workspace.set_env(REAL, provider.display().to_string());
        workspace.set_env(NOTES, notes.display().to_string());
        Self(notes)
    }

    pub(crate) fn reset(&self) {
        let _ = fs::remove_file(&self.0);
    }

    /// Seconds of processor time in all, and the most memory that one process had, in MiB.
    pub(crate) fn used(&self) -> (f64, f64) {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let numbers = |line: &str| -> Option<(f64, f64)> {
            let (seconds, kib) = line.split_once(' ')?;
            Some((seconds.parse().ok()?, kib.parse::<f64>().ok()? / 1024.0))
        };
        text.lines().filter_map(numbers).fold((0.0, 0.0), |(cpu, peak), (more, mib)| (cpu + more, peak.max(mib)))
    }
}

/// Runs the provider as the CLI would see it, then notes what it used. `None`: this program is not in a provider's place.
pub(crate) fn stand_for() -> Option<ExitCode> {
    let (real, notes) = (std::env::var_os(REAL)?, std::env::var_os(NOTES)?);
    let mut command = Command::new(real);
    command.args(std::env::args_os().skip(1)).env_remove(REAL).env_remove(NOTES);
    let Ok(status) = command.status() else { return Some(ExitCode::FAILURE) };
    if let Ok(used) = getrusage(UsageWho::RUSAGE_CHILDREN) {
        let line = format!("{} {}\n", processor(&used), used.max_rss());
        let appended = fs::File::options().create(true).append(true).open(notes);
        let _ = appended.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    Some(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
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

/// Runs the CLI without its log at TRACE.
pub(crate) fn quietly(workspace: &Workspace, arguments: &[&str]) -> Run {
    let mut command = workspace.command(arguments);
    command.args(["-no-color", "-input=false"]).env_remove("TF_LOG").env_remove("TF_LOG_PATH");
    let used = || getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |it| processor(&it));
    let (before, began) = (used(), Instant::now());
    let output = command.output().expect("the CLI starts");
    let run = Run { elapsed: began.elapsed().as_secs_f64(), processor: used() - before };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}{said}", String::from_utf8_lossy(&output.stdout));
    run
}

/// The median of an odd number of values.
pub(crate) fn middle(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
