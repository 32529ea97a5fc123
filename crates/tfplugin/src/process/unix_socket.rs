//! A Unix socket in a folder of its own, which only this user can enter.
//!
//! A socket is there before its mode can be set, and the folder around it may be another's making: so the private folder
//! comes first, with a name that cannot be guessed, and the socket is bound inside it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs;
use tokio::net::UnixListener;
use tracing::debug;

use crate::process::address::Place;

/// A bound socket. It goes away with this, and its folder too.
pub(super) struct UnixSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// What is on disk.
struct SocketFile {
    folder: PathBuf,
}

impl SocketFile {
    fn path(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

impl UnixSocket {
    /// Binds below the folder that the parent names, for its group if it names one.
    pub(super) fn bind(place: &Place) -> io::Result<Self> {
        let group = place.group.as_deref().map(group_id).transpose()?;
        let folder = place.folder.join(format!("plugin-{}", random_name()?));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let file = SocketFile { folder };
        let path = file.path();
        let bound = Self { listener: UnixListener::bind(&path)?, file };
        if let Some(group) = group {
            open_to_group(&path, group, 0o660)?;
            // Last, so that nobody enters before the socket has its mode. To enter is enough, not to list.
            open_to_group(&bound.file.folder, group, 0o710)?;
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
        Ok(bound)
    }

    /// Where the parent connects.
    pub(super) fn path(&self) -> PathBuf {
        self.file.path()
    }

    pub(super) async fn accept(&self) -> io::Result<tokio::net::UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

fn open_to_group(path: &Path, group: u32, mode: u32) -> io::Result<()> {
    chown(path, None, Some(group))?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 8];
    let random = aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let mut name = String::new();
    for byte in bytes {
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let removed = match fs::remove_file(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        if let Err(error) = removed.and_then(|()| fs::remove_dir(&self.folder)) {
            debug!(error = %error, "socket was not removed");
        }
    }
}

/// The number of a group: a number already, or a name of `/etc/group`.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    find_group(&std::fs::read_to_string("/etc/group")?, group).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("no group {group}, as PLUGIN_UNIX_SOCKET_GROUP asks"))
    })
}

/// Looks a group's number up in text of the form of `/etc/group`: name, password, number, members.
fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path) -> Place {
        Place { folder: folder.into(), group: None, ports: 10_000..=25_000 }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn socket_files_are_private_never_shared_and_go_away() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let (first, second) = (UnixSocket::bind(&place).unwrap(), UnixSocket::bind(&place).unwrap());
        assert_ne!(first.path(), second.path());
        assert_eq!(mode(&first.path()), 0o600);
        let own = first.path().parent().unwrap().to_owned();
        assert_eq!((mode(&own), own.parent()), (0o700, Some(folder.path())));
        drop((first, second));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_group_may_use_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::os::unix::fs::MetadataExt::gid(&std::fs::metadata(folder.path()).unwrap());
        let socket = UnixSocket::bind(&Place { group: Some(own.to_string()), ..place(folder.path()) }).unwrap();
        assert_eq!((mode(&socket.path()), mode(socket.path().parent().unwrap())), (0o660, 0o710));

        let refused = UnixSocket::bind(&Place { group: Some("no such group".into()), ..place(folder.path()) });
        assert!(refused.is_err_and(|error| error.to_string().contains("no such group")));
        drop(socket);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn groups_are_found_by_whole_name() {
        let groups = "root:x:0:\nstaffers:x:51:\nstaff:x:50:a,b\nbroken:x\n";
        assert_eq!(find_group(groups, "staff"), Some(50));
        assert_eq!(find_group(groups, "sta"), None);
        assert_eq!(find_group(groups, "broken"), None);
    }
}
