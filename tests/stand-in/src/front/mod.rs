//! The ports that clients reach Postgres on. As Neon's proxy it ends TLS, finds the endpoint, refuses in its own words,
//! wakes a sleeping compute and holds connections while it restarts. The way on to the server is TLS with the same
//! certificate, so that channel binding (SCRAM-SHA-256-PLUS), which hashes that certificate, holds from end to end.

pub(crate) mod cache;
mod passwords;
pub(crate) mod refusal;
mod relay;
pub(crate) mod rounds;
mod startup;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::app::App;
use crate::compute::ServerState;
use crate::world::Ports;
use refusal::{ProxyErrors, Refusal};
use startup::{CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST, Startup};
pub(crate) use tls::Tls;

/// Largest startup message that Postgres reads.
const LARGEST_STARTUP: u32 = 10_000;

/// Largest message before the login is over.
const LARGEST_MESSAGE: u32 = 1 << 20;

/// First byte of a TLS record: a client that asks for TLS without asking Postgres first (`sslnegotiation=direct`).
const TLS_HANDSHAKE: u8 = 0x16;

/// Which of an endpoint's two ports it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the compute.
    Direct,
    /// Through the pooler.
    Pooled,
}

/// One of an endpoint's ports.
struct Port {
    endpoint: String,
    way: Way,
    tls: Arc<Tls>,
}

/// Opens both ports of an endpoint; 0 takes a free one. The tasks end when they are aborted.
pub(crate) fn open(app: &Arc<App>, endpoint: &str, port: u16, tls: &Arc<Tls>) -> Result<(Ports, [AbortHandle; 2])> {
    let bound = |port: u16| -> Result<_> {
        let listener =
            std::net::TcpListener::bind((app.listen, port)).with_context(|| format!("listening on {port}"))?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?.port(), TcpListener::from_std(listener)?))
    };
    let serving = |listener: TcpListener, way: Way| {
        let port = Port { endpoint: endpoint.to_owned(), way, tls: Arc::clone(tls) };
        tokio::spawn(serve(Arc::clone(app), listener, Arc::new(port))).abort_handle()
    };
    let ((direct, to_compute), (pooled, to_pooler)) = (bound(port)?, bound(0)?);
    let tasks = [serving(to_compute, Way::Direct), serving(to_pooler, Way::Pooled)];
    Ok((Ports { direct, pooled }, tasks))
}

async fn serve(app: Arc<App>, listener: TcpListener, port: Arc<Port>) {
    loop {
        match listener.accept().await {
            Ok((client, peer)) => {
                let (app, port) = (Arc::clone(&app), Arc::clone(&port));
                tokio::spawn(async move {
                    if let Err(error) = handle(&app, client, peer, &port).await {
                        tracing::debug!("connection from {peer}: {error:#}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await; // out of files, most likely
            }
        }
    }
}

async fn handle(app: &App, mut client: TcpStream, peer: SocketAddr, port: &Port) -> Result<()> {
    client.set_nodelay(true)?;
    let delay = app.world().knobs.connect_delay_ms;
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if !direct_tls(&client).await? {
        match first_message(&mut client).await? {
            First::Tls => client.write_all(b"S").await?,
            First::Cancel(request) => return cancel(app, port, &request).await,
            First::Startup(_) => return refuse(&mut client, &Refusal::Insecure, ProxyErrors::Postgres, "").await,
        }
    }
    let mut client = port.tls.accept(client).await?;
    let sni = client.get_ref().1.server_name().map(str::to_owned);
    let startup = match first_message(&mut client).await? {
        First::Startup(startup) => startup,
        First::Cancel(request) => return cancel(app, port, &request).await,
        First::Tls => bail!("TLS within TLS"),
    };
    let user = startup.get("user").unwrap_or_default().to_owned();
    let style = app.world().knobs.proxy_errors;
    let compute = match admitted(app, &startup, sni.as_deref(), peer, port) {
        Ok(compute) => compute,
        Err(refusal) => return refuse(&mut client, &refusal, style, &user).await,
    };
    let mut server = port.tls.connect(reach(app, &compute).await?).await?;
    server.write_all(&startup.passed_on()).await?;
    server.flush().await?;
    if log_in(&mut client, &mut server, style, &user).await? == Login::Refused {
        return Ok(());
    }
    let branch = app.world().endpoint(&port.endpoint).map(|(_, branch, _)| branch.id.clone()).unwrap_or_default();
    let note = |role: &str, password| app.world().note_password(&branch, role, password);
    let passed = relay::pass(app, &compute, &mut client, &mut server, note).await;
    if let Ok(compute) = app.compute(&compute) {
        compute.touch();
    }
    passed
}

async fn direct_tls(client: &TcpStream) -> Result<bool> {
    let mut first = [0];
    ensure!(client.peek(&mut first).await? == 1, "the client left");
    Ok(first[0] == TLS_HANDSHAKE)
}

/// What a connection begins with.
enum First {
    Tls,
    Cancel(Vec<u8>),
    Startup(Startup),
}

async fn first_message(client: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<First> {
    loop {
        let length = client.read_u32().await?;
        ensure!((8..=LARGEST_STARTUP).contains(&length), "no startup message");
        let code = client.read_u32().await?;
        let mut rest = vec![0; length as usize - 8];
        client.read_exact(&mut rest).await?;
        match code {
            SSL_REQUEST => return Ok(First::Tls),
            GSS_REQUEST => client.write_all(b"N").await?,
            CANCEL_REQUEST => {
                return Ok(First::Cancel([&length.to_be_bytes(), &code.to_be_bytes(), rest.as_slice()].concat()));
            }
            version => return Ok(First::Startup(Startup::parse(version, &rest)?)),
        }
    }
}

/// Passes on a request to cancel; only the server knows whether its key is right.
async fn cancel(app: &App, port: &Port, request: &[u8]) -> Result<()> {
    let compute = refusal::compute_of(&app.world(), &port.endpoint);
    let compute = app.compute(&compute.context("the endpoint has gone")?)?;
    let mut server = TcpStream::connect(("127.0.0.1", compute.access.port)).await?;
    server.write_all(request).await?;
    server.read_to_end(&mut Vec::new()).await?; // it closes when it has sent the signal
    Ok(())
}

/// The compute that this connection goes to, or why it is refused before any server sees it.
fn admitted(app: &App, startup: &Startup, sni: Option<&str>, peer: SocketAddr, port: &Port) -> Result<String, Refusal> {
    let (endpoint, way) = endpoint_named(startup, sni)?.unwrap_or_else(|| (port.endpoint.clone(), port.way));
    if (way == Way::Pooled || port.way == Way::Pooled) && startup.replication() {
        return Err(Refusal::Pooled);
    }
    if startup.is_of_the_past() {
        return Err(Refusal::Past);
    }
    let user = startup.get("user").unwrap_or_default();
    let compute = refusal::of(&mut app.world(), &mut app.caches(), &endpoint, user, peer.ip())?;
    match app.compute(&compute) {
        Ok(found) if found.state() == ServerState::Stopped => Err(Refusal::NoCompute),
        Ok(_) => Ok(compute),
        Err(_) => Err(Refusal::NoCompute), // its branch is still being made
    }
}

/// The endpoint that the client names by option or by host, `-pooler` taken off; none: the one of the port.
fn endpoint_named(startup: &Startup, sni: Option<&str>) -> Result<Option<(String, Way)>, Refusal> {
    let split = |name: &str| match name.strip_suffix("-pooler") {
        Some(id) => (id.to_owned(), Way::Pooled),
        None => (name.to_owned(), Way::Direct),
    };
    let by_host = sni.and_then(|host| host.split('.').next()).filter(|label| label.starts_with("ep-")).map(split);
    let by_option = startup.endpoint().as_deref().map(split);
    match (by_host, by_option) {
        (Some(host), Some(option)) if host.0 != option.0 => Err(Refusal::Inconsistent(host.0, option.0)),
        (by_host, by_option) => Ok(by_option.or(by_host)),
    }
}

/// A connection to the server, which is woken if need be.
async fn reach(app: &App, id: &str) -> Result<TcpStream> {
    let compute = app.compute(id)?;
    compute.touch();
    if compute.state() == ServerState::Asleep {
        app.wake(id).await?;
    }
    let address = ("127.0.0.1", compute.access.port);
    let server = if let Ok(server) = TcpStream::connect(address).await {
        server
    } else {
        app.wake(id).await?; // it is being restarted, or has died
        TcpStream::connect(address).await?
    };
    server.set_nodelay(true)?;
    Ok(server)
}

#[derive(Debug, PartialEq, Eq)]
enum Login {
    Done,
    Refused,
}

/// Passes messages on until the server is ready for queries. Its errors keep their words; by `style` they lose the rest.
async fn log_in(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    style: ProxyErrors,
    user: &str,
) -> Result<Login> {
    loop {
        let Ok((kind, body)) = message(server).await else {
            if style != ProxyErrors::Postgres {
                let text = "error communicating with the server: early eof";
                client.write_all(&refusal::error_response("XX000", text)).await?;
            }
            client.shutdown().await?;
            return Ok(Login::Refused);
        };
        if kind == b'E' {
            if style == ProxyErrors::Postgres {
                client.write_all(&framed(kind, &body)).await?;
            } else {
                let (state, text) = (refusal::field(&body, b'C'), refusal::field(&body, b'M'));
                let (state, text) = refusal::relayed(style, &state, &text, user);
                client.write_all(&refusal::error_response(&state, &text)).await?;
            }
            client.shutdown().await?;
            return Ok(Login::Refused);
        }
        client.write_all(&framed(kind, &body)).await?;
        client.flush().await?;
        if kind == b'Z' {
            return Ok(Login::Done);
        }
        if kind == b'R' && wants_an_answer(&body) {
            let (kind, body) = message(client).await?;
            server.write_all(&framed(kind, &body)).await?;
            server.flush().await?;
        }
    }
}

/// Whether this `Authentication…` asks the client for something: cleartext, MD5, SASL, SASL continued.
fn wants_an_answer(body: &[u8]) -> bool {
    matches!(body, [0, 0, 0, 3 | 5 | 10 | 11, ..])
}

async fn message(from: &mut (impl AsyncRead + Unpin)) -> Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    let length = from.read_u32().await?;
    ensure!((4..=LARGEST_MESSAGE).contains(&length), "a message of {length} bytes");
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

async fn refuse(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    refusal: &Refusal,
    style: ProxyErrors,
    user: &str,
) -> Result<()> {
    let (state, text) = refusal.words(style, user);
    client.write_all(&refusal::error_response(&state, &text)).await?;
    client.shutdown().await?;
    Ok(())
}
