//! The port that clients reach Postgres on: wakes a sleeping compute, holds connections while it restarts, passes
//! bytes on untouched (TLS is Postgres' own), and refuses inside TLS with the words of Neon's proxy.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::allowed_ips;
use crate::app::{App, ServerState};
use crate::postgres::tls::Certificates;
use crate::world::World;

/// Codes of the first message of a connection (protocol 3.0, `SSLRequest` and `GSSENCRequest`).
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// Largest startup message that Postgres reads.
const LARGEST_STARTUP: u32 = 10_000;

/// The front's TLS side, used only to refuse.
pub(crate) fn acceptor(certificates: &Certificates) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(&certificates.certificate)
        .context("reading the server's certificate")?
        .collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&certificates.key).context("reading the server's key")?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until the process ends.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        match listener.accept().await {
            Ok((client, peer)) => {
                let (app, acceptor) = (Arc::clone(&app), acceptor.clone());
                tokio::spawn(async move {
                    if let Err(error) = handle(&app, client, peer, acceptor).await {
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

async fn handle(app: &App, mut client: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor) -> Result<()> {
    client.set_nodelay(true)?;
    let delay = app.world().knobs.connect_delay_ms;
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let refusal = refusal(&mut app.world(), peer.ip());
    let refusal = refusal.or_else(|| {
        (app.server_state() == ServerState::Stopped).then(|| "Couldn't connect to compute node".to_owned())
    });
    if let Some(message) = refusal {
        return refuse(client, acceptor, &message).await;
    }
    if app.server_state() == ServerState::Asleep {
        app.wake().await?;
    }
    let address = ("127.0.0.1", app.access().port);
    let mut server = if let Ok(server) = TcpStream::connect(address).await {
        server
    } else {
        app.wake().await?; // it is being restarted, or has died
        TcpStream::connect(address).await?
    };
    server.set_nodelay(true)?;
    tokio::select! {
        passed = copy_bidirectional(&mut client, &mut server) => {
            passed?;
        }
        () = app.cut.notified() => {}
    }
    Ok(())
}

/// Why Neon's proxy would refuse this connection; a refusal that was asked for counts down.
fn refusal(world: &mut World, peer: IpAddr) -> Option<String> {
    let knobs = &mut world.knobs;
    if let Some(message) = knobs.refuse_connections.clone()
        && knobs.refuse_times != Some(0)
    {
        knobs.refuse_times = knobs.refuse_times.map(|left| left - 1);
        return Some(message);
    }
    if knobs.endpoint_missing {
        return Some("Control plane request failed: endpoint cannot be found".to_owned());
    }
    if knobs.endpoint_disabled {
        return Some("Control plane request failed: endpoint is disabled".to_owned());
    }
    let restricted = world.settings.get("allowed_ips")?;
    if allowed_ips::admits(restricted, world.knobs.branch_protected, peer) {
        return None;
    }
    Some(format!(
        "This IP address {peer} is not allowed to connect to this endpoint. Please add it to the allowed list in \
         the Neon console."
    ))
}

/// Speaks TLS, reads the startup message, answers with an error and closes.
async fn refuse(mut client: TcpStream, acceptor: TlsAcceptor, message: &str) -> Result<()> {
    loop {
        let length = client.read_u32().await?;
        let code = client.read_u32().await?;
        match (length, code) {
            (8, SSL_REQUEST) => break,
            (8, GSS_REQUEST) => client.write_all(b"N").await?,
            _ => bail!("no TLS asked for"),
        }
    }
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let length = client.read_u32().await?;
    if !(8..=LARGEST_STARTUP).contains(&length) {
        bail!("no startup message");
    }
    let mut startup = vec![0; length as usize - 4];
    client.read_exact(&mut startup).await?;
    client.write_all(&error_response(message)).await?;
    client.shutdown().await?;
    Ok(())
}

/// `ErrorResponse` as the proxy writes it: every error of its own has SQLSTATE XX000.
fn error_response(message: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (kind, text) in [(b'S', "ERROR"), (b'C', "XX000"), (b'M', message)] {
        fields.push(kind);
        fields.extend_from_slice(text.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    let mut response = vec![b'E'];
    response.extend_from_slice(&length.to_be_bytes());
    response.extend_from_slice(&fields);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn an_error_response_has_its_own_length() {
        let response = error_response("no");
        assert_eq!(response[0], b'E');
        let length = u32::from_be_bytes([response[1], response[2], response[3], response[4]]);
        assert_eq!(length as usize, response.len() - 1);
        assert!(response.ends_with(b"CXX000\0Mno\0\0"));
    }

    #[test]
    fn a_refusal_counts_down() {
        let mut world = World::new(17, false);
        assert_eq!(refusal(&mut world, HERE), None);
        world.knobs.refuse_connections = Some("busy".to_owned());
        world.knobs.refuse_times = Some(1);
        assert_eq!(refusal(&mut world, HERE).as_deref(), Some("busy"));
        assert_eq!(refusal(&mut world, HERE), None);
    }

    #[test]
    fn a_list_without_this_machine_refuses_and_names_it() {
        let mut world = World::new(17, false);
        world.settings["allowed_ips"] = json!({"ips": ["192.0.2.1"], "protected_branches_only": false});
        assert!(refusal(&mut world, HERE).is_some_and(|text| text.contains("127.0.0.1")));
        world.settings["allowed_ips"] = json!({"ips": ["127.0.0.0/8"], "protected_branches_only": false});
        assert_eq!(refusal(&mut world, HERE), None);
    }
}
