//! A cluster's data copied while its server runs or is stopped: what becomes of a branch, a restore, a replica.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::user::RunAs;

/// Folders whose content is of the running server alone. Slots are among them: a branch begins without any.
const LEFT_OUT: [&str; 7] =
    ["pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];

/// Files of the running server.
const FILES_LEFT_OUT: [&str; 4] = ["postmaster.pid", "postmaster.opts", "standby.signal", "backup_label"];

/// Copies `from`, the data of the server that `client` is connected to, as a base backup.
pub(crate) async fn running(client: &Client, major: u16, from: &Path, to: &Path, user: RunAs) -> Result<()> {
    let (begin, end) = if major >= 15 {
        ("SELECT pg_catalog.pg_backup_start('branch', true)", "SELECT labelfile FROM pg_catalog.pg_backup_stop(false)")
    } else {
        (
            "SELECT pg_catalog.pg_start_backup('branch', true, false)",
            "SELECT labelfile FROM pg_catalog.pg_stop_backup(false, false)",
        )
    };
    client.query(begin, &[]).await.context("beginning a backup")?;
    apart(from, to, user, true).await?;
    let label: String = client.query_one(end, &[]).await.context("ending a backup")?.get(0);
    // What was written until the end of the backup is in there by now.
    let (wal_from, wal_to) = (from.join("pg_wal"), to.join("pg_wal"));
    apart(&wal_from, &wal_to, user, false).await?;
    let path = to.join("backup_label");
    fs::write(&path, label)?;
    user.own(&path)
}

/// Copies the data of a server that does not run; without its WAL, the copy can only be recovered from WAL kept elsewhere.
pub(crate) async fn stopped(from: &Path, to: &Path, user: RunAs, with_wal: bool) -> Result<()> {
    apart(from, to, user, !with_wal).await
}

/// On a thread of its own: everything else goes on meanwhile.
async fn apart(from: &Path, to: &Path, user: RunAs, without_wal: bool) -> Result<()> {
    let (from, to) = (from.to_owned(), to.to_owned());
    tokio::task::spawn_blocking(move || tree(&from, &to, user, without_wal)).await?
}

/// Copies a folder whole, but for what is of a running server alone; files that go meanwhile are not missed.
pub(crate) fn tree(from: &Path, to: &Path, user: RunAs, without_wal: bool) -> Result<()> {
    if let Err(error) = fs::create_dir(to)
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(error).with_context(|| format!("making {}", to.display()));
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let empty = LEFT_OUT.iter().any(|folder| name == *folder) || (without_wal && name == "pg_wal");
            if empty {
                folder(&target, user)?;
            } else {
                tree(&entry.path(), &target, user, without_wal)?;
            }
        } else if !FILES_LEFT_OUT.iter().any(|file| name == *file) {
            match fs::copy(entry.path(), &target) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                copied => copied.with_context(|| format!("copying {}", entry.path().display()))?,
            };
            fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            user.own(&target)?;
        }
    }
    closed(to, user)
}

fn folder(path: &Path, user: RunAs) -> Result<()> {
    fs::create_dir_all(path)?;
    closed(path, user)
}

fn closed(path: &Path, user: RunAs) -> Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    user.own(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_tree_is_copied_whole_without_slots_and_the_servers_own_files() {
        let from = tempfile::tempdir().expect("temp dir");
        for folder in ["base", "pg_wal", "pg_replslot/s"] {
            fs::create_dir_all(from.path().join(folder)).expect("folder");
        }
        for file in ["base/1", "pg_wal/2", "pg_replslot/s/state", "postmaster.pid"] {
            fs::write(from.path().join(file), "x").expect("file");
        }
        let to = tempfile::tempdir().expect("temp dir");
        let target = to.path().join("data");
        tree(from.path(), &target, RunAs::choose(), true).expect("copy");
        assert_eq!(fs::read_to_string(target.join("base/1")).expect("copied"), "x");
        assert!(target.join("pg_replslot").is_dir() && target.join("pg_wal").is_dir());
        for absent in ["pg_wal/2", "pg_replslot/s", "postmaster.pid"] {
            assert!(!target.join(absent).exists(), "{absent}");
        }
        let mode = fs::metadata(&target).expect("folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        tree(&from.path().join("pg_wal"), &target.join("pg_wal"), RunAs::choose(), false).expect("the rest");
        assert!(target.join("pg_wal/2").exists());
    }
}
