//! The folder of one run: data, certificates, log. Removed at the end; what a killed run left is removed at the next start.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid};
use tempfile::TempDir;

use crate::postgres::user::RunAs;

const PREFIX: &str = "neon-stand-in-";

/// Linux' memory file system: a cluster of a thousand files comes and goes there at a fifth of the cost.
const MEMORY: &str = "/dev/shm";

/// How much must be free there. Containers often have 64 MiB, which is not enough.
const MEMORY_NEEDED: u64 = 2 << 30;

/// Longest path of the folder that the run's own is made in. A socket's path may have 107 bytes (`sun_path` of
/// `unix(7)`); `/neon-stand-in-4194304-abcdef/99999/socket/.s.PGSQL.31999` is ours.
const LONGEST: usize = 107 - 57;

/// How often the removal is tried again.
const REMOVALS: u32 = 20;

/// Makes the folder where the server's user gets to it: in `TMPDIR` if that is set, else in memory, else in `/tmp`.
pub(crate) fn make(user: RunAs) -> Result<TempDir> {
    let base = base(std::env::var_os("TMPDIR").map(PathBuf::from), user);
    ensure!(
        base.as_os_str().len() <= LONGEST,
        "{} is too long: the path of a server's socket in it would have more than 107 bytes. Set TMPDIR to a folder \
         whose path has at most {LONGEST}",
        base.display()
    );
    sweep(&base);
    let folder = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&base)
        .with_context(|| format!("making a folder in {}", base.display()))?;
    // The umask may have closed it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Removes it; a copy that is still being made may put files there meanwhile.
pub(crate) fn remove(folder: TempDir) -> Result<()> {
    let path = folder.keep();
    let mut removed = fs::remove_dir_all(&path);
    for _ in 0..REMOVALS {
        if removed.is_ok() || !path.exists() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
        removed = fs::remove_dir_all(&path);
    }
    removed.with_context(|| format!("removing {}", path.display()))
}

fn base(asked_for: Option<PathBuf>, user: RunAs) -> PathBuf {
    let memory = Some(PathBuf::from(MEMORY)).filter(|path| free(path) >= MEMORY_NEEDED);
    // Servers run in `/`, so a path that depends on ours is none; neither is an empty one.
    let asked_for = asked_for.filter(|path| path.is_absolute());
    asked_for.or(memory).filter(|path| user.reaches(path)).unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// Bytes that are free there; 0 where nobody can say.
#[cfg(target_os = "linux")]
fn free(path: &Path) -> u64 {
    let found = nix::sys::statvfs::statvfs(path);
    found.map_or(0, |found| found.blocks_available().saturating_mul(found.fragment_size()))
}

#[cfg(not(target_os = "linux"))]
fn free(_: &Path) -> u64 {
    0
}

/// Removes our own folders whose process has gone.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw());
        if ours && name.to_str().and_then(process_of).is_some_and(gone) {
            let _ = fs::remove_dir_all(entry.path()); // another start may be at it as well
        }
    }
}

fn process_of(name: &str) -> Option<i32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

fn gone(process: i32) -> bool {
    kill(Pid::from_raw(process), None) == Err(nix::errno::Errno::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_in_the_name() {
        assert_eq!(process_of("neon-stand-in-123-abc"), Some(123));
        assert_eq!(process_of("neon-stand-in-x-abc"), None);
        assert_eq!(process_of("another-123-abc"), None);
    }

    #[test]
    fn the_folder_asked_for_is_taken_unless_the_server_cannot_get_there() {
        let mode = fs::Permissions::from_mode(0o700);
        let asked_for = tempfile::Builder::new().permissions(mode).tempdir().expect("temp dir");
        let path = asked_for.path().to_owned();
        let ourselves = RunAs { uid: 0, gid: 0, steps_down: false };
        assert_eq!(base(Some(path.clone()), ourselves), path);
        for none in ["", "here"] {
            assert_eq!(base(Some(none.into()), ourselves), base(None, ourselves), "{none:?}");
        }
        let stranger = RunAs { uid: 4_000_000, gid: 4_000_000, steps_down: true };
        assert_eq!(base(Some(path), stranger), Path::new("/tmp"));
    }

    #[test]
    fn only_folders_of_gone_processes_are_swept() {
        let base = tempfile::tempdir().expect("temp dir");
        let ours = base.path().join(format!("{PREFIX}{}-abc", std::process::id()));
        let left = base.path().join(format!("{PREFIX}{}-abc", i32::MAX)); // beyond the largest pid
        fs::create_dir(&ours).expect("folder");
        fs::create_dir(&left).expect("folder");
        sweep(base.path());
        assert!(ours.exists());
        assert!(!left.exists());
    }
}
