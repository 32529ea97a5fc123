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
#[cfg(unix)]
use crate::process::unix_socket::UnixSocket;

/// A peer that opens a connection and says nothing is let go after this.
const TLS_PATIENCE: Duration = Duration::from_secs(10);
/// Accepting fails when the process is out of file descriptors; some are freed soon.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A bound listener. A socket goes away with it.
pub(super) struct Listener {
    address: Address,
    kind: Kind,
}

enum Kind {
    #[cfg(unix)]
    Unix(UnixSocket),
    Tcp(TcpListener),
}

/// One connection, with or without TLS.
pub(super) struct Connection(Box<dyn Stream>);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    /// Binds where the parent wants it. From here on connections queue up, so the address may be told.
    pub(super) fn bind(place: &Place) -> io::Result<Self> {
        if cfg!(unix) { Self::bind_unix(place) } else { Self::bind_tcp(place) }
    }

    #[cfg(unix)]
    fn bind_unix(place: &Place) -> io::Result<Self> {
        let socket = UnixSocket::bind(place)?;
        Ok(Self { address: Address::Unix(socket.path()), kind: Kind::Unix(socket) })
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
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match &self.kind {
            #[cfg(unix)]
            Kind::Unix(socket) => Ok(Box::new(socket.accept().await?)),
            Kind::Tcp(listener) => {
                let stream = listener.accept().await?.0;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Hands over connections until `end`. Each TLS handshake runs by itself: a slow or refused one holds up nobody.
    pub(super) async fn feed(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &std::path::Path) -> Place {
        Place {
            folder: folder.into(),
            #[cfg(unix)]
            group: None,
            ports: 10_000..=25_000,
        }
    }

    #[tokio::test]
    async fn without_unix_sockets_the_first_free_port_serves() {
        let folder = std::path::Path::new("");
        let first = Listener::bind_tcp(&place(folder)).unwrap();
        let second = Listener::bind_tcp(&place(folder)).unwrap();
        let port = |it: &Listener| it.address().text().parse::<std::net::SocketAddr>().unwrap();
        let (one, two) = (port(&first), port(&second));
        assert!(one.ip().is_loopback() && (10_000..=25_000).contains(&one.port()) && one.port() < two.port());
        let taken = Place { ports: one.port()..=one.port(), ..place(folder) };
        assert!(Listener::bind_tcp(&taken).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse));

        let (handed, mut connections) = mpsc::channel(1);
        let address = one;
        tokio::spawn(first.feed(None, handed, CancellationToken::new()));
        let _client = tokio::net::TcpStream::connect(address).await.unwrap();
        assert!(connections.recv().await.is_some_and(|it| it.is_ok()));
    }
}
