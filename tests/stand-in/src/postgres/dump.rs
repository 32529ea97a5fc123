//! The schema of a database as `pg_dump` writes it. The server builds have no `pg_dump`, so that of the `PATH` is asked.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::admin::Access;
use super::archive::SUPERUSER;

/// Objects of ours alone begin so.
const OURS: &str = "neon_stand_in_";

/// Major version of the `pg_dump` on the `PATH`; null where there is none.
pub(crate) async fn version() -> Option<u16> {
    let said = Command::new("pg_dump").arg("--version").stdin(Stdio::null()).output().await.ok()?;
    major(&String::from_utf8_lossy(&said.stdout))
}

/// The number in `pg_dump (PostgreSQL) 17.6`.
fn major(said: &str) -> Option<u16> {
    let version = said.split_once("(PostgreSQL) ")?.1;
    version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// The schema of that database.
pub(crate) async fn schema(access: &Access, database: &str) -> Result<String> {
    let dumped = Command::new("pg_dump")
        .args(["--schema-only", "--no-password", "--username", SUPERUSER, "--port", &access.port.to_string()])
        .arg("--host")
        .arg(&access.socket)
        .arg("--dbname")
        .arg(database)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting pg_dump")?;
    if !dumped.status.success() {
        bail!("pg_dump: {}", String::from_utf8_lossy(&dumped.stderr).trim());
    }
    Ok(users(&String::from_utf8_lossy(&dumped.stdout)))
}

/// Without our own objects, and without the lines with a random key that newer minor releases write.
fn users(dumped: &str) -> String {
    const HEAD: &str = "--\n-- Name: ";
    let random = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    let text: String = dumped.split_inclusive('\n').filter(|line| !random(line)).collect();
    let mut parts = text.split(HEAD);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts.filter(|part| !part.starts_with(OURS)) {
        kept.push_str(HEAD);
        kept.push_str(part);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_major_one() {
        assert_eq!(major("pg_dump (PostgreSQL) 17.6 (Debian 17.6-1)\n"), Some(17));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("another program\n"), None);
    }

    #[test]
    fn what_is_ours_is_not_shown() {
        let dumped = "\\restrict abc\n--\n-- head\n--\n\n\
            --\n-- Name: t; Type: TABLE\n--\n\nCREATE TABLE t ();\n\n\
            --\n-- Name: neon_stand_in_end; Type: EVENT TRIGGER\n--\n\nCREATE EVENT TRIGGER x;\n\n\
            --\n-- Name: u; Type: TABLE\n--\n\nCREATE TABLE u ();\n\\unrestrict abc\n";
        let shown = users(dumped);
        assert!(shown.starts_with("--\n-- head\n--\n\n--\n-- Name: t; Type: TABLE\n"), "{shown}");
        assert!(shown.ends_with("-- Name: u; Type: TABLE\n--\n\nCREATE TABLE u ();\n"), "{shown}");
        assert!(!shown.contains("neon_stand_in") && !shown.contains("TRIGGER"), "{shown}");
    }
}
