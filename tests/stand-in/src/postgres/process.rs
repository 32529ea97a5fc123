//! Starts a program of the server so that it never outlives us: our own binary is started first, steps down,
//! asks the kernel for a signal at its parent's death, and only then becomes the program.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Gid, Pid, Uid, User, getpid, getppid, setgid, setgroups, setuid};

use super::user::{OVERFLOW_ID, RunAs};

/// First argument by which our binary knows that it is to become a server program.
pub(crate) const BECOME: &str = "__become";

/// Instead of a user and group: ourselves, who have no name.
const NAMELESS: &str = "nameless";

/// The command that becomes `program` as `user`.
/// It must be spawned from a thread that lives as long as we do: the kernel's signal comes at the thread's end.
pub(crate) fn command(program: &Path, libraries: &Path, user: RunAs) -> Command {
    start(program, libraries, user, false)
}

/// The same for a program that wants its user to have a name.
pub(crate) fn named_command(program: &Path, libraries: &Path, user: RunAs) -> Command {
    start(program, libraries, user, user.is_nameless())
}

fn start(program: &Path, libraries: &Path, user: RunAs, nameless: bool) -> Command {
    // Linux: the running image, even when the file was rebuilt meanwhile.
    let own = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().unwrap_or_else(|_| "neon-stand-in".into())
    };
    let mut command = Command::new(own);
    let identity = match user {
        RunAs { steps_down: true, uid, gid } => format!("{uid}:{gid}"),
        _ if nameless => NAMELESS.to_owned(),
        _ => "-".to_owned(),
    };
    command
        .arg(BECOME)
        .arg(getpid().to_string())
        .arg(identity)
        .arg(program)
        .env("LD_LIBRARY_PATH", libraries)
        .env("DYLD_LIBRARY_PATH", libraries)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        // A subscription's libpq looks for a client certificate at home, and the one who steps down may not read ours.
        .env("HOME", "/nonexistent")
        .current_dir("/")
        .process_group(0); // a Ctrl-C at the terminal is for us; we stop the server ourselves
    command
}

/// What the child does with the arguments after [`BECOME`]. Returns only with an error.
pub(crate) fn become_program(arguments: &[OsString]) -> Result<std::convert::Infallible> {
    let [parent, identity, program, rest @ ..] = arguments else {
        bail!("`{BECOME}` is for internal use");
    };
    let parent: i32 = text(parent)?.parse()?;
    parent_is(parent)?;
    if let Some((uid, gid)) = text(identity)?.split_once(':') {
        let gid = Gid::from_raw(gid.parse()?);
        setgroups(&[gid])?;
        setgid(gid)?;
        setuid(Uid::from_raw(uid.parse()?))?;
    }
    if text(identity)? == NAMELESS {
        take_a_name();
    }
    // After the change of user, which clears it. SIGQUIT is Postgres' immediate shutdown.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGQUIT)?;
    parent_is(parent)?; // it may have gone just before that
    let failed = Command::new(program).args(rest).exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}

/// Another name for the same user, in a namespace of our own: `initdb` wants one from `/etc/passwd`, which a container
/// often lacks. Where that is forbidden, `initdb` says what it misses.
#[cfg(target_os = "linux")]
fn take_a_name() {
    use nix::sched::{CloneFlags, unshare};

    let (uid, gid) = (Uid::effective(), Gid::effective());
    let named = User::from_name("nobody").ok().flatten().map_or(OVERFLOW_ID, |user| user.uid.as_raw());
    if unshare(CloneFlags::CLONE_NEWUSER).is_ok() {
        let _ = std::fs::write("/proc/self/setgroups", "deny"); // without it the next is refused
        let _ = std::fs::write("/proc/self/uid_map", format!("{named} {uid} 1"));
        let _ = std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"));
    }
}

#[cfg(not(target_os = "linux"))]
fn take_a_name() {}

fn parent_is(parent: i32) -> Result<()> {
    ensure!(getppid() == Pid::from_raw(parent), "the parent has gone already");
    Ok(())
}

fn text(argument: &OsStr) -> Result<&str> {
    argument.to_str().context("argument is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_whose_parent_is_another_refuses() {
        let nobody = i32::MAX.to_string(); // beyond the largest pid
        let arguments = [nobody.as_str(), "-", "/bin/true"].map(OsString::from);
        let error = become_program(&arguments).expect_err("our parent is another");
        assert!(error.to_string().contains("parent"), "{error}");
    }

    #[test]
    fn too_few_arguments_are_refused() {
        assert!(become_program(&[OsString::from("1")]).is_err());
    }
}
