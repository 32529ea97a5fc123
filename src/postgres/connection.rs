//! One connection: the only file that touches the driver's client. Two doors: [`Connection::fetch`] for reads, whose text
//! is a constant, and [`Connection::run`] for [`Statement`]s.

#![expect(clippy::disallowed_methods, reason = "this is the file that all others leave the client's own methods to")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::authentication::{Passwords, Watched, Watching};
use super::changes::Changes;
use super::error::{Error, Kind, Result};
use super::names::{DatabaseName, RoleName};
use super::pipeline::send_in_order;
use super::row::{Param, Row};
use super::session_settings::{self, STATEMENT_TIMEOUT};
use super::sql::Statement;
use super::tls::Tls;
use super::version::ServerVersion;
use crate::secret::Secret;

/// How sessions present themselves in `pg_stat_activity`.
pub(crate) const APPLICATION_NAME: &str = "terraform-provider-neonrep";

/// Statements run with the role's own search path, since an event trigger of the user may name its tables without a schema. Reads of
/// the catalogue keep the empty one.
pub(super) const OWN_PATH: &str = "SET LOCAL search_path = DEFAULT";
const NO_PATH: &str = "SET LOCAL search_path = ''";

/// Notices that are kept, and characters of each: a server can send any number.
pub(super) const NOTICES: usize = 16;
pub(super) const NOTICE_LENGTH: usize = 2_000;

/// Where a database is and who connects. The direct host, never the pooler.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Host name; TLS verifies it and Neon routes by it.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    pub(crate) database: DatabaseName,
    /// The role that connects.
    pub(crate) user: RoleName,
    /// Its password, if the server asks for one.
    pub(crate) password: Option<Secret>,
    /// Encryption and trust.
    pub(crate) tls: Tls,
    /// What this process has changed there.
    pub(crate) changes: Changes,
}

/// A notice or warning that the server sent along, such as 01007 `no privileges were granted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// `NOTICE`, `WARNING` …
    pub(crate) severity: String,
    /// Five characters.
    pub(crate) sqlstate: String,
    pub(crate) message: String,
}

/// An open connection.
pub(crate) struct Connection {
    client: Client,
    canceller: Canceller,
    version: ServerVersion,
    notices: Arc<Mutex<VecDeque<Notice>>>,
    /// The database does not say which encoding its texts have.
    of_bytes: bool,
    first_error: Mutex<Option<Error>>,
    traffic: Traffic,
}

/// What a connection has sent: messages, and how often one was sent while no other was under way, which is a round trip that had to be
/// waited for.
#[derive(Debug, Default)]
struct Traffic {
    messages: AtomicU64,
    round_trips: AtomicU64,
    under_way: AtomicU64,
}

impl Traffic {
    /// Counts the request when it is polled first, for that is when it is sent.
    async fn counted<T>(&self, request: impl Future<Output = T>) -> T {
        struct UnderWay<'a>(&'a AtomicU64);
        impl Drop for UnderWay<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.messages.fetch_add(1, Ordering::Relaxed);
        if self.under_way.fetch_add(1, Ordering::Relaxed) == 0 {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        let _under_way = UnderWay(&self.under_way);
        request.await
    }
}

impl Connection {
    /// Opens a connection, once.
    pub(super) async fn open(address: &Address, tls: Option<Arc<ClientConfig>>, passwords: Passwords) -> Result<Self> {
        let mut config = Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .dbname(address.database.as_str())
            .user(address.user.as_str())
            .application_name(APPLICATION_NAME)
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(Duration::from_mins(1));
        if let Some(password) = &address.password {
            config.password(password.expose());
        }
        match tls {
            None => {
                config.ssl_mode(SslMode::Disable);
                let socket = connect_plainly(&address.host, address.port).await?;
                let opened = config.connect_raw(Watched::new(socket, passwords), NoTls).await;
                Self::start(opened, Route::Plain(address.host.clone(), address.port)).await
            }
            Some(tls) => {
                config.ssl_mode(SslMode::Require);
                let connector = MakeRustlsConnect::new((*tls).clone());
                let opened = config.connect(Watching(connector.clone(), passwords)).await;
                Self::start(opened, Route::Tls(connector)).await
            }
        }
    }

    async fn start<S, T>(
        opened: std::result::Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>,
        route: Route,
    ) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, mut wire) = opened.map_err(|e| Error::of_driver(&e))?;
        let version = wire.parameter("server_version").and_then(ServerVersion::parse);
        let version = version.ok_or_else(|| Error::new(Kind::Decode, "the server does not tell its version"))?;
        let of_bytes = wire.parameter("server_encoding") == Some("SQL_ASCII");
        let notices = Arc::new(Mutex::new(VecDeque::new()));
        let collected = Arc::clone(&notices);
        tokio::spawn(async move {
            loop {
                match std::future::poll_fn(|cx| wire.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                        if collected.len() >= NOTICES {
                            collected.pop_front();
                        }
                        collected.push_back(Notice {
                            severity: notice.severity().to_owned(),
                            sqlstate: notice.code().code().to_owned(),
                            message: notice.message().chars().take(NOTICE_LENGTH).collect(),
                        });
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(error = %Error::of_driver(&error), "connection ended");
                        break;
                    }
                    None => break,
                }
            }
        });
        let canceller = Canceller { token: client.cancel_token(), route };
        let connection = Self {
            client,
            canceller,
            version,
            notices,
            of_bytes,
            first_error: Mutex::default(),
            traffic: Traffic::default(),
        };
        connection.prepare_session().await?;
        Ok(connection)
    }

    /// One round trip, unless the role's own `statement_timeout` is so short that it ends even this.
    async fn prepare_session(&self) -> Result<()> {
        const ATTEMPTS: usize = 5;
        let mut settings = session_settings::statements(self.version);
        if self.of_bytes {
            // Without a conversion: the server cannot tell what is valid, and would fail every read of a foreign byte (22021).
            settings.push_str("; SET client_encoding = 'SQL_ASCII'");
        }
        let limit = STATEMENT_TIMEOUT.statement();
        let mut attempt = 1;
        loop {
            let (first, rest) = join(self.command(&limit), self.command(&settings)).await;
            match first.and(rest) {
                Err(error) if error.kind() == Kind::QueryCancelled && attempt < ATTEMPTS => attempt += 1,
                done => {
                    self.take_error();
                    return done;
                }
            }
        }
    }

    /// The server's version, known without a question.
    pub(crate) fn version(&self) -> ServerVersion {
        self.version
    }

    /// Whether the connection is known to be gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// A handle that cancels what this connection is doing.
    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Reads rows. One round trip.
    pub(crate) async fn fetch(&self, query: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let typed: Vec<_> = params.iter().map(Param::typed).collect();
        let rows = self
            .traffic
            // Boxed: a read is joined with others, and each would be part of every caller's future.
            .counted(Box::pin(self.client.query_typed(query, &typed)))
            .await
            .map_err(|e| self.note(Error::of_driver(&e)))?;
        tracing::trace!(query, rows = rows.len(), "read");
        Ok(rows.into_iter().map(if self.of_bytes { Row::of_bytes } else { Row::of }).collect())
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(&self, query: &'static str, params: &[Param<'_>]) -> Result<Option<Row>> {
        Ok(self.fetch(query, params).await?.into_iter().next())
    }

    /// Reads the one row that must be there.
    pub(crate) async fn fetch_one(&self, query: &'static str, params: &[Param<'_>]) -> Result<Row> {
        let row = self.fetch_optional(query, params).await?;
        row.ok_or_else(|| Error::new(Kind::Decode, "a catalogue query returned no row"))
    }

    /// Runs statements in their order, in one round trip and with the role's own search path; stops at the first that fails, for this is in
    /// a transaction. Returns what the server had to say meanwhile.
    pub(crate) async fn run(&self, statements: &[Statement]) -> Result<Vec<Notice>> {
        self.take_notices();
        if !statements.is_empty() {
            self.run_then(statements, NO_PATH).await?;
        }
        Ok(self.take_notices())
    }

    /// The statements, and a command behind them, all sent at once.
    pub(super) async fn run_then(&self, statements: &[Statement], last: &'static str) -> Result<()> {
        for statement in statements {
            tracing::debug!(%statement, "run");
        }
        // Each future sends its statement when it is polled first, and `join` polls in order.
        let work =
            send_in_order(statements.iter().map(|it| self.traffic.counted(self.client.batch_execute(it.as_sql()))));
        let (own_path, (answers, last)) = join(self.command(OWN_PATH), join(work, self.command(last))).await;
        own_path?;
        for (statement, answer) in statements.iter().zip(answers) {
            answer.map_err(|e| self.note_first(Error::of_driver(&e).in_statement(statement)))?;
        }
        last
    }

    /// A command of this layer without names or values of others.
    pub(super) async fn command(&self, text: &str) -> Result<()> {
        let request = self.traffic.counted(self.client.batch_execute(text));
        request.await.map_err(|e| self.note(Error::of_driver(&e)))
    }

    /// Notices since the last time.
    pub(super) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }

    /// The first error since the last time: a transaction in which something failed cannot be committed, whoever swallowed that.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Messages sent so far, and round trips that had to be waited for.
    #[cfg(test)]
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.traffic.messages.load(Ordering::Relaxed), self.traffic.round_trips.load(Ordering::Relaxed))
    }

    /// Of statements that were sent together, what is behind the first that fails fails too, and may be noted before it.
    fn note_first(&self, error: Error) -> Error {
        *self.first_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        error
    }

    fn note(&self, error: Error) -> Error {
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        error
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A socket without TLS: the driver watches nothing itself, so it is opened here.
pub(super) async fn connect_plainly(host: &str, port: u16) -> Result<TcpStream> {
    let lost = |error: std::io::Error| Error::new(Kind::ConnectionLost, format!("error connecting to server: {error}"));
    let socket = TcpStream::connect((host, port)).await.map_err(lost)?;
    socket.set_nodelay(true).map_err(lost)?;
    Ok(socket)
}

/// How a cancel request gets to the server.
#[derive(Clone)]
enum Route {
    Plain(String, u16),
    Tls(MakeRustlsConnect),
}

/// Cancels the statement that a connection is running, over a connection of its own that no pool counts.
#[derive(Clone)]
pub(crate) struct Canceller {
    token: CancelToken,
    route: Route,
}

impl Canceller {
    /// Sends the request; the statement then fails with `QueryCancelled`, or has ended before. Waits 5 s at most.
    pub(crate) async fn cancel(&self) {
        let request = async {
            let sent = match &self.route {
                Route::Tls(connector) => self.token.cancel_query(connector.clone()).await,
                Route::Plain(host, port) => {
                    let socket = connect_plainly(host, *port).await?;
                    self.token.cancel_query_raw(socket, NoTls).await
                }
            };
            sent.map_err(|e| Error::of_driver(&e))
        };
        match timeout(Duration::from_secs(5), request).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cancel request failed"),
            Err(_) => tracing::debug!("cancel request was not answered"),
        }
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canceller")
    }
}
