//! Where to listen, as the parent wants it, and where that came to be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Where to listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Folder for the private folder of the Unix socket.
    pub(super) folder: PathBuf,
    /// Group, by name or number, that may use the socket.
    #[cfg(unix)]
    pub(super) group: Option<String>,
    /// Ports to try, where there are no Unix sockets.
    pub(super) ports: RangeInclusive<u16>,
}

/// What the parent connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Path of a socket.
    #[cfg(unix)]
    Unix(PathBuf),
    /// Loopback address and port.
    Tcp(SocketAddr),
}

impl Address {
    /// Go's name of the network.
    pub(super) fn network(&self) -> &'static str {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => "unix",
            Self::Tcp(_) => "tcp",
        }
    }

    /// The address as Go's dialer takes it.
    pub(super) fn text(&self) -> String {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => path.display().to_string(),
            Self::Tcp(address) => address.to_string(),
        }
    }
}
