//! A walsender session, for commands of the replication protocol that no SQL function offers.
//!
//! The driver cannot ask for one: `replication=database` is a parameter of the start-up message and not a setting. So the
//! stream beneath the driver adds it to the first message that is written.
//! <https://www.postgresql.org/docs/17/protocol-replication.html>

#![expect(
    clippy::disallowed_methods,
    reason = "the driver's client lives here for one command, as it does in `connection`"
)]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::authentication::{Passwords, Watched, Watching};
use super::connection::{APPLICATION_NAME, Address, connect_plainly};
use super::error::{Error, Kind, Result};
use super::sql::Statement;

/// What is added to the start-up message.
const PARAMETER: &[u8] = b"replication\0database\0";

/// Time that is kept back, so that the server's own limit ends the command first and says why.
const GRACE: Duration = Duration::from_secs(1);

/// Connects, runs one command and disconnects. Errors: those of connecting, and the server's; `QueryCancelled` when the
/// command still waited at `until`, such as for a slot with a consumer.
pub(super) async fn run(
    address: &Address,
    tls: Option<Arc<ClientConfig>>,
    passwords: Passwords,
    command: &Statement,
    until: Instant,
) -> Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    let limit = left.saturating_sub(GRACE.min(left / 4)).as_millis().max(1);
    let mut config = Config::new();
    config
        .dbname(address.database.as_str())
        .user(address.user.as_str())
        .application_name(APPLICATION_NAME)
        .options(format!("-c statement_timeout={limit}"));
    if let Some(password) = &address.password {
        config.password(password.expose());
    }
    tracing::debug!(%command, "run in a walsender session");
    let work = async {
        let socket = connect_plainly(&address.host, address.port).await?;
        match tls {
            None => {
                config.ssl_mode(SslMode::Disable);
                let stream = Announcing::new(Watched::new(socket, passwords));
                let (client, wire) = config.connect_raw(stream, NoTls).await.map_err(|e| Error::of_driver(&e))?;
                once(&client, wire, command).await
            }
            Some(tls) => {
                config.ssl_mode(SslMode::Require);
                let mut connector = MakeRustlsConnect::new((*tls).clone());
                let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connector, &address.host)
                    .map_err(|error| Error::new(Kind::Tls, error.to_string()))?;
                let (client, wire) = config
                    .connect_raw(socket, Walsender(Watching(connector, passwords)))
                    .await
                    .map_err(|e| Error::of_driver(&e))?;
                once(&client, wire, command).await
            }
        }
    };
    match timeout_at(until, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::new(Kind::Timeout, "the server did not answer in time")),
    }
}

/// Runs the command while the wire is driven; afterwards both are dropped, which ends the session.
async fn once<W>(client: &tokio_postgres::Client, wire: W, command: &Statement) -> Result<()>
where
    W: Future<Output = std::result::Result<(), tokio_postgres::Error>>,
{
    tokio::select! {
        biased;
        done = client.batch_execute(command.as_sql()) => {
            done.map_err(|e| Error::of_driver(&e).in_statement(command))
        }
        ended = wire => Err(match ended {
            Err(error) => Error::of_driver(&error),
            Ok(()) => Error::new(Kind::ConnectionLost, "the connection was closed"),
        }),
    }
}

/// A connector whose streams ask for a walsender session once TLS is there.
struct Walsender<T>(T);

impl<S, T> TlsConnect<S> for Walsender<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Announcing<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.0.connect(stream);
        Box::pin(async move { connecting.await.map(Announcing::new) })
    }
}

/// A stream that adds a parameter to the first message, which is the start-up message.
struct Announcing<S> {
    inner: S,
    /// What is left to write of the first message; none before it was given.
    first: Option<Vec<u8>>,
}

impl<S> Announcing<S> {
    fn new(inner: S) -> Self {
        Self { inner, first: None }
    }
}

/// Length, protocol version, parameters, a final zero byte: the new parameter stands before that.
fn with_parameter(startup: &[u8]) -> io::Result<Vec<u8>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the first message is not a whole start-up message");
    let (head, rest) = startup.split_first_chunk::<4>().ok_or_else(wrong)?;
    if usize::try_from(u32::from_be_bytes(*head)).ok() != Some(startup.len()) || rest.last() != Some(&0) {
        return Err(wrong());
    }
    let length = u32::try_from(startup.len() + PARAMETER.len()).map_err(|_| wrong())?;
    Ok([&length.to_be_bytes()[..], &rest[..rest.len() - 1], PARAMETER, &[0]].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for Announcing<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Announcing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let left = match &mut this.first {
            Some(left) if left.is_empty() => return Pin::new(&mut this.inner).poll_write(cx, bytes),
            Some(left) => left,
            // The caller offers the same bytes until they are taken.
            first => first.insert(with_parameter(bytes)?),
        };
        while !left.is_empty() {
            let written = ready!(Pin::new(&mut this.inner).poll_write(cx, left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            left.drain(..written);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Announcing<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const STARTUP: &[u8] = b"\0\0\0\x10\0\x03\0\0user\0u\0\0";
    const ANNOUNCED: &[u8] = b"\0\0\0\x25\0\x03\0\0user\0u\0replication\0database\0\0";

    #[test]
    fn only_a_whole_start_up_message_gets_the_parameter() {
        assert_eq!(with_parameter(STARTUP).unwrap(), ANNOUNCED);
        for wrong in [&b""[..], b"\0\0\0", &STARTUP[..STARTUP.len() - 1], b"\0\0\0\x08\0\x03\0\x01"] {
            assert!(with_parameter(wrong).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn the_first_message_is_changed_and_no_other_however_small_the_pieces() {
        let (mut near, far) = tokio::io::duplex(3);
        let reading = tokio::spawn(async move {
            let mut seen = vec![0; ANNOUNCED.len() + STARTUP.len()];
            near.read_exact(&mut seen).await.unwrap();
            seen
        });
        let mut stream = Announcing::new(far);
        stream.write_all(STARTUP).await.unwrap();
        stream.write_all(STARTUP).await.unwrap();
        assert_eq!(reading.await.unwrap(), [ANNOUNCED, STARTUP].concat());
    }
}
