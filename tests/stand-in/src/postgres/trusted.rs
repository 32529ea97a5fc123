//! Which folders we run programs from: ours or root's, and closed to others. A server planted in a shared place by
//! another user would run as us.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

/// Group and others may write.
const SHARED: u32 = 0o022;

/// Others may write.
const OPEN: u32 = 0o002;

/// In such a folder nobody can rename or remove what belongs to others.
const STICKY: u32 = 0o1000;

/// Makes the folder if it is not there; an error unless nobody else can change what is in it.
pub(crate) fn make(folder: &Path) -> Result<()> {
    if !folder.exists() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .with_context(|| format!("making {}", folder.display()))?;
        fs::set_permissions(folder, Permissions::from_mode(0o755))?; // the umask may have let the group in
    }
    check(folder, Uid::effective().as_raw())
}

/// An error unless `folder` belongs to `user` or root, no other may write there, and nobody can put another in its place.
pub(crate) fn check(folder: &Path, user: u32) -> Result<()> {
    let folder = fs::canonicalize(folder).with_context(|| format!("looking at {}", folder.display()))?;
    let found = fs::metadata(&folder)?;
    if found.uid() != user && found.uid() != 0 {
        bail!(
            "{} belongs to user {}, not to us: its programs are not run. Remove it, or name another folder with --cache-dir",
            folder.display(),
            found.uid()
        );
    }
    if found.mode() & SHARED != 0 {
        bail!("others may write to {}: its programs are not run. Close it: chmod go-w {0}", folder.display());
    }
    for above in folder.ancestors().skip(1) {
        let mode = fs::metadata(above)?.mode();
        if mode & OPEN != 0 && mode & STICKY == 0 {
            bail!("everyone may write to {}: {} is not used", above.display(), folder.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_mode(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temp dir");
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("mode");
        folder
    }

    fn me() -> u32 {
        Uid::effective().as_raw()
    }

    #[test]
    fn our_own_closed_folder_is_good_also_below_a_sticky_one() {
        assert!(check(with_mode(0o755).path(), me()).is_ok());
        assert!(check(with_mode(0o700).path(), me()).is_ok());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        for mode in [0o775, 0o757, 0o777, 0o1777] {
            let error = check(with_mode(mode).path(), me()).expect_err("open");
            assert!(error.to_string().contains("chmod go-w"), "{mode:o}: {error}");
        }
    }

    #[test]
    fn another_users_folder_is_refused_and_roots_is_not() {
        if me() == 0 {
            let folder = with_mode(0o755);
            assert!(check(folder.path(), 4_000_000).is_ok(), "root's is good for everyone");
            std::os::unix::fs::chown(folder.path(), Some(4_000_001), None).expect("chown");
            for user in [0, 4_000_000] {
                assert!(check(folder.path(), user).expect_err("foreign").to_string().contains("4000001"));
            }
        } else {
            let folder = with_mode(0o755);
            assert!(check(folder.path(), me() + 1).is_err());
        }
    }

    #[test]
    fn a_folder_below_an_open_one_can_be_exchanged() {
        let open = with_mode(0o777);
        let below = open.path().join("cache");
        assert!(make(&below).expect_err("open above").to_string().contains("everyone may write"));
    }

    #[test]
    fn a_folder_of_ours_is_made_closed() {
        let above = with_mode(0o755);
        let made = above.path().join("a/b");
        make(&made).expect("made");
        assert_eq!(fs::metadata(&made).expect("folder").mode() & 0o777, 0o755);
    }
}
