//! What every cluster of this run is made with.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::postgres::archive::{self, Installation};
use crate::postgres::tls::Certificates;
use crate::postgres::user::RunAs;

/// Folders, certificates and settings of this run.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Folder of the run.
    pub(crate) folder: PathBuf,
    /// Folder of the unpacked servers.
    pub(crate) cache: PathBuf,
    /// The certificate of every server.
    pub(crate) certificates: Certificates,
    /// Whom servers run as.
    pub(crate) user: RunAs,
    /// Further lines of `postgresql.conf`.
    pub(crate) settings: Vec<String>,
    /// Number of the last cluster.
    pub(crate) last: AtomicU32,
}

impl Lab {
    /// A new folder for one cluster. Numbers keep the path short: a socket's may have 107 bytes.
    pub(crate) fn cluster_folder(&self) -> Result<PathBuf> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let folder = self.folder.join(number.to_string());
        std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(folder)
    }

    /// The build of that major.
    pub(crate) async fn installation(&self, major: u16) -> Result<Installation> {
        archive::install(major, &self.cache, self.user).await
    }
}
