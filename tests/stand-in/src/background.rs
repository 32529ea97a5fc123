//! `--detached`: this program starts itself once more, waits until that one is ready, says what it said, and ends.
//! The other goes on in a session of its own, with nobody's input and output.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::kill;
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, setsid};

/// By this the other one knows what it is.
const BACKGROUND: &str = "NEON_STAND_IN_BACKGROUND";

/// Whether we are the one that goes on.
pub(crate) fn is_it() -> bool {
    std::env::var_os(BACKGROUND).is_some()
}

/// Starts the one that goes on and waits until it is ready.
pub(crate) fn launch() -> Result<()> {
    let own = std::env::current_exe().context("finding our own program")?;
    let mut child = Command::new(own)
        .args(std::env::args_os().skip(1))
        .env(BACKGROUND, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting in the background")?;
    let mut said = String::new();
    child.stdout.take().context("no way to hear it")?.read_to_string(&mut said)?;
    if said.is_empty() {
        bail!("it did not start: {}", child.wait()?);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(said.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// No terminal's end is ours any more.
pub(crate) fn begin() -> Result<()> {
    setsid().context("beginning a session of our own")?;
    Ok(())
}

/// All was said: whoever waits for the end of our output goes on.
pub(crate) fn fall_silent() -> Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&nowhere)?;
    dup2_stderr(&nowhere)?;
    Ok(())
}

/// A file with our process id, removed at the end.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it; an error when another one runs by that file.
    pub(crate) fn write(path: &Path) -> Result<Self> {
        match fs::read_to_string(path).as_deref().map(str::trim) {
            Ok("") => fs::remove_file(path)?, // the disk was full, say
            Ok(before) => {
                if let Ok(pid) = before.parse::<i32>() {
                    if kill(Pid::from_raw(pid), None).is_ok() {
                        bail!("process {pid} runs by {}", path.display());
                    }
                    fs::remove_file(path)?;
                }
            }
            Err(_) => {}
        }
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        writeln!(made.with_context(|| format!("making {}", path.display()))?, "{}", std::process::id())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // somebody may have removed it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_one_processs_and_goes_with_it() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("pid");
        let ours = PidFile::write(&path).expect("a file");
        assert_eq!(fs::read_to_string(&path).expect("it").trim(), std::process::id().to_string());
        assert!(PidFile::write(&path).expect_err("it runs").to_string().contains("runs by"));
        drop(ours);
        assert!(!path.exists());
        fs::write(&path, i32::MAX.to_string()).expect("of one that has gone");
        PidFile::write(&path).expect("taken over");
        fs::write(&path, "").expect("of one that had no room");
        drop(PidFile::write(&path).expect("taken over"));
        fs::write(&path, "precious").expect("another's file");
        assert!(PidFile::write(&path).is_err(), "what is no pid file is left alone");
    }
}
