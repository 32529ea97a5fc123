//! Whom the server runs as: `initdb` and `postgres` refuse root, so root steps down to an unprivileged user.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, User};

/// The overflow user of Linux, where no `nobody` is listed.
pub(crate) const OVERFLOW_ID: u32 = 65534;

/// The user that owns the data and runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunAs {
    /// User id of the server.
    pub(crate) uid: u32,
    /// Group id of the server.
    pub(crate) gid: u32,
    /// Whether we are root and step down; else the server simply runs as we do.
    pub(crate) steps_down: bool,
}

impl RunAs {
    /// Ourselves, or `nobody` when we are root.
    pub(crate) fn choose() -> Self {
        if !Uid::effective().is_root() {
            return Self { uid: Uid::effective().as_raw(), gid: Gid::effective().as_raw(), steps_down: false };
        }
        let (uid, gid) = match User::from_name("nobody") {
            Ok(Some(user)) => (user.uid.as_raw(), user.gid.as_raw()),
            _ => (OVERFLOW_ID, OVERFLOW_ID),
        };
        Self { uid, gid, steps_down: true }
    }

    /// Makes a folder that is that user's alone.
    pub(crate) fn make_folder(self, path: &Path) -> Result<()> {
        std::fs::create_dir(path).with_context(|| format!("making {}", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        self.own(path)
    }

    /// Whether that user is not listed in `/etc/passwd`.
    pub(crate) fn is_nameless(self) -> bool {
        !self.steps_down && matches!(User::from_uid(Uid::from_raw(self.uid)), Ok(None))
    }

    /// Gives one file or folder to that user; nothing to do when we are that user already.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        if self.steps_down {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
                .with_context(|| format!("giving {} to user {}", path.display(), self.uid))?;
        }
        Ok(())
    }

    /// Whether that user gets through every folder above `path`.
    pub(crate) fn reaches(self, path: &Path) -> bool {
        !self.steps_down
            || path.ancestors().filter_map(|folder| folder.metadata().ok()).all(|found| {
                let mode = found.permissions().mode();
                mode & 0o001 != 0 || (found.uid() == self.uid && mode & 0o100 != 0)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger() -> RunAs {
        RunAs { uid: 4_000_000, gid: 4_000_000, steps_down: true }
    }

    /// A folder that only its owner gets into.
    fn closed() -> tempfile::TempDir {
        let mode = std::fs::Permissions::from_mode(0o700);
        tempfile::Builder::new().permissions(mode).tempdir().expect("temp dir")
    }

    #[test]
    fn a_closed_folder_above_is_noticed() {
        let folder = closed();
        assert!(!stranger().reaches(folder.path()));
        assert!(stranger().reaches(Path::new("/")));
    }

    #[test]
    fn our_own_user_needs_no_check() {
        let ourselves = RunAs { steps_down: false, ..stranger() };
        let folder = closed();
        assert!(ourselves.reaches(folder.path()));
    }
}
