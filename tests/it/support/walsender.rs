//! A consumer of the replication protocol, as consumers that are not in the tests connect: a walsender session over TLS, verified.

use std::collections::BTreeMap;
use std::time::Duration;

use std::sync::Arc;

use pgwire_replication::config::ReplicationConfig;
use pgwire_replication::{ReplicationClient, ReplicationEvent};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::consumer::{Change, decode};
use super::sql;
use super::stand_in::StandIn;

/// How a consumer asks for changes.
pub(crate) struct Consumer<'a> {
    pub(crate) role: &'a str,
    pub(crate) password: &'a str,
    pub(crate) slot: &'a str,
    pub(crate) publication: &'a str,
    /// Values in the binary format of their types, where the type has one.
    pub(crate) binary: bool,
}

impl Consumer<'_> {
    /// The changes up to the `n`th, which are confirmed, so that the slot moves on. Panics with what the server said instead.
    pub(crate) fn take(&self, stand_in: &StandIn, n: usize) -> Vec<Change> {
        let ready = &stand_in.ready;
        let listener = stand_in.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (host, server_port) = (ready.host.clone(), ready.port);
        let trust = Arc::new(sql::trusting(&ready.sslrootcert));
        stand_in.runtime.spawn(async move {
            let (plain, _) = listener.accept().await.expect("the client");
            encrypt(plain, &host, server_port, trust).await.expect("TLS to the server");
        });
        let mut config = ReplicationConfig::new(
            "127.0.0.1",
            self.role,
            self.password,
            &ready.database,
            self.slot,
            self.publication.to_owned(),
        );
        config.port = port;
        config.binary = self.binary;
        config.status_interval = Duration::from_secs(1);
        stand_in.runtime.block_on(async {
            let changes = tokio::time::timeout(Duration::from_mins(1), receive(config, n));
            changes.await.unwrap_or_else(|_| panic!("{n} changes did not come through the slot {}", self.slot))
        })
    }
}

/// Carries one connection of a client that does not speak TLS to the server, encrypted and verified.
async fn encrypt(mut plain: TcpStream, host: &str, port: u16, trust: Arc<rustls::ClientConfig>) -> std::io::Result<()> {
    let mut socket = TcpStream::connect((host, port)).await?;
    // SSLRequest: its length and its code. The server answers with one letter.
    socket.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
    assert_eq!(socket.read_u8().await?, b'S', "the server speaks TLS");
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let mut encrypted = TlsConnector::from(trust).connect(name, socket).await?;
    // A side that leaves without a word ends the connection, which is how it is meant to end.
    let _ = copy_bidirectional(&mut plain, &mut encrypted).await;
    Ok(())
}

async fn receive(config: ReplicationConfig, n: usize) -> Vec<Change> {
    let mut client = ReplicationClient::connect(config).await.expect("a walsender session");
    let (mut changes, mut relations) = (Vec::new(), BTreeMap::new());
    while let Some(event) = client.recv().await.expect("changes") {
        match event {
            ReplicationEvent::XLogData { data, .. } => changes.extend(decode(data.to_vec(), &mut relations)),
            ReplicationEvent::Commit { end_lsn, .. } => {
                client.update_applied_lsn(end_lsn);
                if changes.len() >= n {
                    break;
                }
            }
            _ => {}
        }
    }
    client.shutdown().await.expect("the session ends");
    changes
}
