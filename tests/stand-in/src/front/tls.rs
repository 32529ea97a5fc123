//! The two sides of TLS: the one that clients see, and the one towards the server.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::startup::SSL_REQUEST;
use crate::postgres::tls::{Certificates, HOST};

/// What a client that asks for TLS without asking Postgres first must offer.
const ALPN: &[u8] = b"postgresql";

/// Both sides.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl Tls {
    /// With the server's own certificate on both.
    pub(crate) fn new(certificates: &Certificates) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = CertificateDer::pem_file_iter(&certificates.certificate)
            .context("reading the server's certificate")?
            .collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&certificates.key).context("reading the server's key")?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&certificates.authority).context("reading the authority")?)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { acceptor: Arc::new(server).into(), connector: Arc::new(client).into() })
    }

    /// TLS with a client.
    pub(crate) async fn accept(&self, client: TcpStream) -> Result<server::TlsStream<TcpStream>> {
        Ok(self.acceptor.accept(client).await?)
    }

    /// TLS with the server.
    pub(crate) async fn connect(&self, mut server: TcpStream) -> Result<client::TlsStream<TcpStream>> {
        server.write_u32(8).await?;
        server.write_u32(SSL_REQUEST).await?;
        ensure!(server.read_u8().await? == b'S', "the server has no TLS");
        Ok(self.connector.connect(ServerName::try_from(HOST)?, server).await?)
    }
}
