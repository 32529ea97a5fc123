//! The past of a cluster: its data as they were once, and all WAL since then. The data of any later moment are recovered
//! from these two, as Neon's storage does it.
//! <https://www.postgresql.org/docs/current/continuous-archiving.html>

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_postgres::types::PgLsn;

/// How long the server may take to hand over a segment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps every segment under a second name, without a copy: `wal_recycle = off` leaves the file alone. A segment may be
/// handed over twice, after a crash.
pub(crate) const SETTINGS: &str = "\
archive_mode = on
wal_recycle = off
archive_command = 'test %p -ef ../wal/%f || ln -f %p ../wal/%f'
";

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// What was committed until then.
    At(Timestamp),
    /// What was written before that position.
    Lsn(PgLsn),
}

impl Moment {
    /// Settings by which a server recovers it from the WAL in a folder, which is given relative to the data.
    pub(crate) fn recovery(self, wal: &str) -> String {
        let mut settings = format!(
            "archive_mode = off\nhot_standby = off\nrecovery_target_action = 'promote'\n\
             restore_command = 'ln {wal}/%f %p 2>/dev/null'\n"
        );
        let target = match self {
            Self::At(time) => writeln!(settings, "recovery_target_time = '{}'", time.strftime("%F %T%.6f+00")),
            // What begins there was written later.
            Self::Lsn(lsn) => writeln!(settings, "recovery_target_lsn = '{lsn}'\nrecovery_target_inclusive = off"),
        };
        target.unwrap_or_default(); // writing to a string cannot fail
        settings
    }
}

/// Where a past begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    /// Its first position.
    pub(crate) lsn: PgLsn,
    /// The time of that.
    pub(crate) at: Timestamp,
}

impl Since {
    /// The present of a running server.
    pub(crate) async fn now(client: &Client) -> Result<Self> {
        Ok(Self { lsn: position(client).await?, at: Timestamp::now() })
    }
}

/// Where WAL is written next.
pub(crate) async fn position(client: &Client) -> Result<PgLsn> {
    Ok(client.query_one("SELECT pg_catalog.pg_current_wal_insert_lsn()", &[]).await?.get(0))
}

/// Where a server that was stopped in order has written its last record (`checkPoint` of
/// `src/include/catalog/pg_control.h`, at the same place in all versions from 9.3 to 18).
pub(crate) fn last_checkpoint(data: &Path) -> Result<PgLsn> {
    let control = fs::read(data.join("global/pg_control"))?;
    let bytes: [u8; 8] = control.get(32..40).context("pg_control is too short")?.try_into()?;
    Ok(u64::from_ne_bytes(bytes).into())
}

/// Makes everything that a running server has written so far part of its past, and waits until it is.
///
/// Recovery to a time ends only at a later commit, so there is one.
pub(crate) async fn hand_over(client: &Client, wal: &Path) -> Result<()> {
    let keeps: String = client.query_one("SHOW archive_mode", &[]).await?.get(0);
    if keeps != "on" {
        bail!("this server keeps no history: archive_mode is {keeps}");
    }
    client.query_one("SELECT pg_catalog.txid_current()", &[]).await?;
    let segment = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())";
    let segment: String = client.query_one(segment, &[]).await?.get(0);
    client.query_one("SELECT pg_catalog.pg_switch_wal()", &[]).await?;
    let (file, until) = (wal.join(segment), Instant::now() + PATIENCE);
    while !file.exists() {
        if Instant::now() > until {
            bail!("the server does not hand over {}", file.display());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Bytes of the WAL that is kept in a folder.
pub(crate) fn size(wal: &Path) -> u64 {
    let files = fs::read_dir(wal).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// Removes the WAL that a base backup does not need, by its label.
pub(crate) fn forget_before(wal: &Path, label: &str) -> Result<()> {
    let first = first_segment(label).context("a backup label without its first segment")?;
    for file in fs::read_dir(wal)?.flatten() {
        if file.file_name().to_str().is_some_and(|name| name < first) {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// The file in `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)`.
fn first_segment(label: &str) -> Option<&str> {
    label.lines().find_map(|line| line.strip_prefix("START WAL LOCATION: "))?.split_once("(file ")?.1.strip_suffix(')')
}

/// Where a recovered cluster has left the past that it came from: the end of its newest timeline's history.
pub(crate) fn left_at(data: &Path) -> Option<PgLsn> {
    let files = fs::read_dir(data.join("pg_wal")).ok()?.flatten().map(|entry| entry.path());
    let histories = files.filter(|path| path.extension().is_some_and(|extension| extension == "history"));
    let newest: PathBuf = histories.max()?;
    end_of(&fs::read_to_string(newest).ok()?)
}

/// The end in a timeline's history: each line has the number of a timeline, where it was left, and why.
fn end_of(history: &str) -> Option<PgLsn> {
    let last = history.lines().rfind(|line| !line.trim().is_empty())?;
    last.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_target_of_recovery() {
        let at = Moment::At("2026-11-26T21:38:01.0764879Z".parse().expect("a time"));
        let settings = at.recovery("../../1/wal");
        assert!(settings.contains("recovery_target_time = '2026-11-26 21:38:01.076487+00'\n"), "{settings}");
        assert!(settings.contains("restore_command = 'ln ../../1/wal/%f %p 2>/dev/null'\n"), "{settings}");
        let lsn = Moment::Lsn("0/1502760".parse().expect("a position"));
        assert!(lsn.recovery("x").ends_with("recovery_target_lsn = '0/1502760'\nrecovery_target_inclusive = off\n"));
    }

    #[test]
    fn what_is_older_than_a_base_is_forgotten() {
        let folder = tempfile::tempdir().expect("temp dir");
        for name in ["000000010000000000000001", "000000010000000000000002", "0000000100000000000000FF"] {
            fs::write(folder.path().join(name), "1234").expect("a file");
        }
        assert_eq!(size(folder.path()), 12);
        let label = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nBACKUP METHOD: streamed\n";
        forget_before(folder.path(), label).expect("a label");
        assert_eq!(size(folder.path()), 8);
        assert!(forget_before(folder.path(), "LABEL: branch\n").is_err());
    }

    #[test]
    fn the_end_of_a_timeline_is_in_its_last_line() {
        let history = "1\t0/1502760\tbefore 2026-11-26 21:38:01.568095+00\n\n2\t0/2A00000\tno recovery target\n\n";
        assert_eq!(end_of(history), "0/2A00000".parse().ok());
        assert_eq!(end_of(""), None);
    }
}
