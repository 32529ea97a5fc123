//! Binds where the parent connects, a Unix socket or a loopback port where there are none, and accepts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::debug;

use crate::process::address::{Address, Place};

/// A peer that opens a connection and says nothing is let go after this.
const TLS_PATIENCE: Duration = Duration::from_secs(10);
/// Accepting fails when the process is out of file descriptors; some are freed soon.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A bound listener. A socket file goes away with it.
pub(crate) struct Listener {
    address: Address,
    kind: Kind,
}

enum Kind {
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    Tcp(TcpListener),
}

/// One connection, with or without TLS.
pub(crate) struct Connection(Box<dyn Stream>);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    /// Binds where the parent wants it. From here on connections queue up, so the address may be told.
    pub(crate) fn bind(place: &Place) -> io::Result<Self> {
        if cfg!(unix) { Self::bind_unix(place) } else { Self::bind_tcp(place) }
    }

    #[cfg(unix)]
    fn bind_unix(place: &Place) -> io::Result<Self> {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::{PermissionsExt, chown};

        let process = std::process::id();
        let mut attempt = 0_u32;
        let (path, listener) = loop {
            // A name that is taken was left by a process of the same id: the next is tried.
            let path = place.folder.join(format!("plugin-{process}-{attempt}"));
            match tokio::net::UnixListener::bind(&path) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < 1000 => attempt += 1,
                bound => break (path, bound?),
            }
        };
        let bound = Self { address: Address::Unix(path.clone()), kind: Kind::Unix(listener) };
        if let Some(group) = &place.group {
            chown(&path, None, Some(group_id(group)?))?;
            fs::set_permissions(&path, Permissions::from_mode(0o660))?;
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
        Ok(bound)
    }

    #[cfg(not(unix))]
    fn bind_unix(_place: &Place) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The first free loopback port of the range.
    fn bind_tcp(place: &Place) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for port in place.ports.clone() {
            match std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => {
                    listener.set_nonblocking(true)?;
                    let address = Address::Tcp(listener.local_addr()?);
                    return Ok(Self { address, kind: Kind::Tcp(TcpListener::from_std(listener)?) });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// What to tell the parent.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match &self.kind {
            #[cfg(unix)]
            Kind::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
            Kind::Tcp(listener) => {
                let stream = listener.accept().await?.0;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Hands over connections until `end`. Each TLS handshake runs by itself: a slow or refused one holds up nobody.
    pub(crate) async fn feed(
        self,
        tls: Option<TlsAcceptor>,
        into: mpsc::Sender<io::Result<Connection>>,
        end: CancellationToken,
    ) {
        loop {
            let stream = tokio::select! {
                () = end.cancelled() => return,
                accepted = self.accept() => match accepted {
                    Ok(stream) => stream,
                    Err(error) => {
                        debug!(error = %error, "connection was not accepted");
                        tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                        continue;
                    }
                },
            };
            let Some(tls) = tls.clone() else {
                if into.send(Ok(Connection(stream))).await.is_err() {
                    return;
                }
                continue;
            };
            let into = into.clone();
            tokio::spawn(async move {
                match tokio::time::timeout(TLS_PATIENCE, tls.accept(stream)).await {
                    // The receiver is gone only when the server has ended.
                    Ok(Ok(stream)) => drop(into.send(Ok(Connection(Box::new(stream)))).await),
                    Ok(Err(error)) => debug!(error = %error, "connection refused"),
                    Err(_) => debug!("connection refused: no TLS handshake in time"),
                }
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address
            && let Err(error) = std::fs::remove_file(path)
        {
            debug!(error = %error, "socket file was not removed");
        }
    }
}

/// The number of a group: a number already, or a name of `/etc/group`.
#[cfg(unix)]
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    find_group(&std::fs::read_to_string("/etc/group")?, group).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("no group {group}, as PLUGIN_UNIX_SOCKET_GROUP asks"))
    })
}

/// Looks a group's number up in text of the form of `/etc/group`: name, password, number, members.
#[cfg(unix)]
fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place(folder: &std::path::Path) -> Place {
        Place { folder: folder.into(), group: None, ports: 10_000..=25_000 }
    }

    #[tokio::test]
    async fn socket_files_are_private_never_shared_and_go_away() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let (first, second) = (Listener::bind(&place).unwrap(), Listener::bind(&place).unwrap());
        assert_ne!(first.address(), second.address());
        let mode = std::fs::metadata(first.address().text()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop((first, second));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_group_may_use_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::os::unix::fs::MetadataExt::gid(&std::fs::metadata(folder.path()).unwrap());
        let listener = Listener::bind(&Place { group: Some(own.to_string()), ..place(folder.path()) }).unwrap();
        let mode = std::fs::metadata(listener.address().text()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);

        let refused = Listener::bind(&Place { group: Some("no such group".into()), ..place(folder.path()) });
        assert!(refused.is_err_and(|error| error.to_string().contains("no such group")));
    }

    #[tokio::test]
    async fn without_unix_sockets_the_first_free_port_serves() {
        let folder = std::path::Path::new("");
        let first = Listener::bind_tcp(&place(folder)).unwrap();
        let second = Listener::bind_tcp(&place(folder)).unwrap();
        let (Address::Tcp(one), Address::Tcp(two)) = (first.address(), second.address()) else { panic!("no ports") };
        assert!(one.ip().is_loopback() && (10_000..=25_000).contains(&one.port()) && one.port() < two.port());
        let taken = Place { ports: one.port()..=one.port(), ..place(folder) };
        assert!(Listener::bind_tcp(&taken).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse));

        let (handed, mut connections) = mpsc::channel(1);
        let address = *one;
        tokio::spawn(first.feed(None, handed, CancellationToken::new()));
        let _client = tokio::net::TcpStream::connect(address).await.unwrap();
        assert!(connections.recv().await.is_some_and(|it| it.is_ok()));
    }

    #[test]
    fn groups_are_found_by_whole_name() {
        let groups = "root:x:0:\nstaffers:x:51:\nstaff:x:50:a,b\nbroken:x\n";
        assert_eq!(find_group(groups, "staff"), Some(50));
        assert_eq!(find_group(groups, "sta"), None);
        assert_eq!(find_group(groups, "broken"), None);
    }
}
