//! SQL as a test speaks it: text in, text out, one connection per call.
//!
//! The provider's own SQL layer is not used here: what is tested must not be its own witness.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Rows of the last statement, each value as Postgres writes it; null is `None`.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// What a server answered instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlError {
    /// Five characters, or empty when it did not come from the server.
    pub(crate) state: String,
    /// The server's words.
    pub(crate) message: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.state)
    }
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(it) => Self { state: it.code().code().to_owned(), message: it.message().to_owned() },
            None => Self { state: String::new(), message: format!("{error}: {:?}", std::error::Error::source(&error)) },
        }
    }
}

/// One session, for what must stay open: an open transaction, a lock.
pub(crate) struct Session {
    client: Client,
    runtime: Arc<Runtime>,
}

impl Session {
    /// Connects without TLS: for superusers over loopback.
    pub(crate) fn open(runtime: &Arc<Runtime>, config: &Config) -> Result<Self, SqlError> {
        let mut config = config.clone();
        config.connect_timeout(Duration::from_secs(20));
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, SqlError>(client)
        })?;
        Ok(Self { client, runtime: Arc::clone(runtime) })
    }

    /// Connects as a stranger would: TLS, verified against the authority in `sslrootcert`.
    pub(crate) fn open_verified(runtime: &Arc<Runtime>, config: &Config, sslrootcert: &str) -> Result<Self, SqlError> {
        let mut config = config.clone();
        config.connect_timeout(Duration::from_secs(20)).ssl_mode(tokio_postgres::config::SslMode::Require);
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(trusting(sslrootcert));
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok::<_, SqlError>(client)
        })?;
        Ok(Self { client, runtime: Arc::clone(runtime) })
    }

    /// Runs statements and gives the rows of the last one that has any.
    pub(crate) fn run(&self, sql: &str) -> Result<Rows, SqlError> {
        let messages = self.runtime.block_on(self.client.simple_query(sql))?;
        let mut rows = Rows::new();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(_) => rows.clear(),
                SimpleQueryMessage::Row(row) => {
                    rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
                _ => {}
            }
        }
        Ok(rows)
    }

    /// The process at the server.
    pub(crate) fn pid(&self) -> String {
        single(&self.run("SELECT pg_catalog.pg_backend_pid()").expect("an open session"))
    }
}

/// The one value of one row; the empty string for null or no row.
pub(crate) fn single(rows: &Rows) -> String {
    rows.first().and_then(|row| row.first()).cloned().flatten().unwrap_or_default()
}

/// The first column.
pub(crate) fn column(rows: &Rows) -> Vec<String> {
    rows.iter().filter_map(|row| row.first().cloned().flatten()).collect()
}

/// `"a ""b"""`
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'it''s'`
pub(crate) fn literal(text: &str) -> String {
    postgres_protocol::escape::escape_literal(text)
}

/// Trust in the authorities of that file alone.
pub(crate) fn trusting(sslrootcert: &str) -> rustls::ClientConfig {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let mut roots = rustls::RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(sslrootcert).expect("a PEM file") {
        roots.add(found.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
