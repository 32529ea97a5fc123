//! One stand-in under test: started, asked, and ended.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A running stand-in and the line that it printed.
pub(crate) struct StandIn {
    pub(crate) child: Child,
    pub(crate) line: Value,
    pub(crate) http: reqwest::Client,
}

impl StandIn {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_neon-stand-in"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let line = serde_json::from_str(&line).expect("a JSON line");
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { child, line, http }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.line[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {}", self.line))
    }

    pub(crate) fn port(&self) -> u16 {
        let port = self.line["port"].as_u64().expect("port");
        u16::try_from(port).expect("a port")
    }

    pub(crate) fn project(&self) -> String {
        format!("/projects/{}", self.text("project_id"))
    }

    pub(crate) fn branch(&self) -> String {
        format!("{}/branches/{}", self.project(), self.text("branch_id"))
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        url: String,
        body: Option<Value>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url).bearer_auth(self.text("api_key"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn api(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.text("api_url"));
        self.send(method, url, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.text("admin_url"));
        let (status, answer) = self.send(method, url, body).await.expect("an answer");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Polls the operations of an answer to their end; says how the last one ended.
    pub(crate) async fn wait(&self, answer: &Value) -> String {
        let mut end = "none".to_owned();
        for operation in answer["operations"].as_array().expect("operations are always an array") {
            let path = format!("{}/operations/{}", self.project(), operation["id"].as_str().expect("id"));
            end = loop {
                let (status, answer) = self.api("GET", &path, None).await;
                assert_eq!(status, 200, "{answer}");
                match answer["operation"]["status"].as_str().expect("status") {
                    "scheduling" | "running" => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => break other.to_owned(),
                }
            };
        }
        end
    }

    pub(crate) async fn superuser(&self) -> Client {
        self.superuser_in(self.text("database")).await
    }

    pub(crate) async fn superuser_in(&self, database: &str) -> Client {
        let mut config: Config = self.text("superuser_dsn").parse().expect("a connection string");
        config.dbname(database);
        let (client, connection) = config.connect(NoTls).await.expect("superuser");
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn connect(&self, role: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config.host(self.text("host")).port(self.port()).dbname(self.text("database"));
        config.user(role).password(password).ssl_mode(tokio_postgres::config::SslMode::Require);
        config.channel_binding(tokio_postgres::config::ChannelBinding::Require);
        let (client, connection) = config.connect(MakeRustlsConnect::new(self.trusting())).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(crate) fn trusting(&self) -> rustls::ClientConfig {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;

        let mut roots = rustls::RootCertStore::empty();
        for found in CertificateDer::pem_file_iter(self.text("sslrootcert")).expect("sslrootcert") {
            roots.add(found.expect("a certificate")).expect("an authority");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// Process id and data folder of the server.
    pub(crate) async fn server(&self) -> (Pid, String) {
        let told = self.admin("GET", "/postgres", None).await;
        let pid = told["pid"].as_i64().expect("pid");
        let log = told["log"].as_str().expect("log");
        let folder = Path::new(log).parent().expect("folder").display().to_string();
        (Pid::from_raw(i32::try_from(pid).expect("a pid")), folder)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, signal).expect("a signal");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM); // so that it takes its data away
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn uri_password(answer: &Value) -> String {
    let uri: Config = answer["uri"].as_str().expect("uri").parse().expect("a connection string");
    String::from_utf8(uri.get_password().expect("a password").to_vec()).expect("text")
}

/// A session of the owner of a branch, by what the API says of it.
pub(crate) async fn owner_of(stand_in: &StandIn, project: &str, branch: &str) -> Client {
    let query = format!("database_name=neondb&role_name=neondb_owner&branch_id={branch}");
    let (status, answer) = stand_in.api("GET", &format!("/projects/{project}/connection_uri?{query}"), None).await;
    assert_eq!(status, 200, "{answer}");
    let config: Config = answer["uri"].as_str().expect("uri").parse().expect("a connection string");
    let (client, connection) = config.connect(MakeRustlsConnect::new(stand_in.trusting())).await.expect("it connects");
    tokio::spawn(connection);
    client
}

pub(crate) async fn count(client: &Client, from: &str) -> i64 {
    client.query_one(&format!("SELECT count(*) FROM {from}"), &[]).await.expect(from).get(0)
}

/// A child with an endpoint; its id.
pub(crate) async fn child(stand_in: &StandIn, body: Value) -> String {
    let (status, made) = stand_in.api("POST", &format!("{}/branches", stand_in.project()), Some(body)).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(stand_in.wait(&made).await, "finished", "{made}");
    made["branch"]["id"].as_str().expect("id").to_owned()
}
