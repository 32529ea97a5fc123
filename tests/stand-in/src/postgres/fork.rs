//! What Neon's fork of Postgres does beyond vanilla: members of `neon_superuser` may publish all tables or schemas and,
//! before 16, subscribe; `wal2json` is there. (`publicationcmds.c` and `subscriptioncmds.c` of
//! <https://github.com/neondatabase/postgres>: `!superuser() && !is_privileged_role()`.)
//!
//! Two event triggers make the member a superuser for the time of that one statement, within its transaction, so that
//! nobody else sees it and an error undoes it. They are part of the seed's template: every database has them.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::archive::{Installation, SUPERUSER};
use super::process;
use super::user::RunAs;

/// Raised when the seed's content changes, so that an older one in a cache is not taken for it.
pub(crate) const REVISION: u32 = 2;

const SCRIPT: &str = include_str!("fork.sql");

/// Puts the triggers into the databases that `initdb` has made.
pub(crate) fn extend(installation: &Installation, data: &Path, user: RunAs) -> Result<()> {
    for database in ["template1", "postgres"] {
        let program = installation.program("postgres");
        let mut child = process::named_command(&program, &installation.libraries(), user)
            // -j: a statement ends with a semicolon and an empty line, as those of the script do.
            .args(["--single", "-j", "-F", "-c", "exit_on_error=true", "-D"])
            .arg(data)
            .arg(database)
            .env("PGUSER", SUPERUSER)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting postgres")?;
        child.stdin.take().context("no way to speak to postgres")?.write_all(format!("{SCRIPT}\n").as_bytes())?;
        let ended = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "extending `{database}` of Postgres {} failed: {said}", installation.major);
    }
    Ok(())
}

/// `wal2json` by its name: `test_decoding`, which has the same life and other text.
pub(crate) fn add_wal2json(installation: &Installation) -> Result<()> {
    let folder = installation.libraries().join("postgresql");
    let library = folder.join("wal2json.so");
    if library.exists() {
        return Ok(());
    }
    let fresh = tempfile::NamedTempFile::new_in(&folder)?;
    fs::copy(folder.join("test_decoding.so"), fresh.path()).context("copying test_decoding")?;
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fresh.persist(&library)?;
    Ok(())
}
