//! Starts the built provider as Terraform does and talks to it with the client generated from the same proto files.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tfplugin::wire::generated::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin::wire::generated::tfplugin6::provider_client::ProviderClient;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

/// Terraform's public constant.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
/// Terraform ends a process that is still there so long after `Shutdown`.
const PATIENCE: Duration = Duration::from_secs(2);
const MESSAGE_BYTES: usize = 256 << 20;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_terraform-provider-neonrep");

/// The binary with a clean environment as far as plugins go.
pub(crate) fn command() -> Command {
    let mut command = Command::new(BINARY);
    for name in [
        COOKIE.0,
        "PLUGIN_CLIENT_CERT",
        "PLUGIN_UNIX_SOCKET_DIR",
        "TF_LOG",
        "TF_LOG_PROVIDER",
        "TF_LOG_PROVIDER_NEONREP",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A client certificate as go-plugin makes it: P-521, self-signed, a CA.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a P-521 key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// The handshake line, taken apart.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) fields: Vec<String>,
}

impl Line {
    fn parse(text: &str) -> Self {
        Self { fields: text.trim_end_matches('\n').split('|').map(str::to_owned).collect() }
    }

    pub(crate) fn socket(&self) -> &str {
        &self.fields[3]
    }

    fn certificate(&self) -> CertificateDer<'static> {
        STANDARD_NO_PAD.decode(&self.fields[5]).expect("base64 without padding").into()
    }
}

/// A running provider. It is killed when this goes out of scope.
pub(crate) struct Plugin {
    process: Child,
    pub(crate) line: Line,
    identity: Option<Identity>,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Plugin {
    /// As Terraform starts it: TLS with a certificate of its own.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further variables.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::launch(Some(Identity::new()), variables)
    }

    /// As Terraform starts it under `TF_DISABLE_PLUGIN_TLS`.
    pub(crate) fn start_plaintext() -> Self {
        Self::launch(None, &[])
    }

    fn launch(identity: Option<Identity>, variables: &[(&str, &str)]) -> Self {
        let mut command = command();
        command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "5,6");
        command.env("PLUGIN_MIN_PORT", "10000").env("PLUGIN_MAX_PORT", "25000");
        if let Some(identity) = &identity {
            command.env("PLUGIN_CLIENT_CERT", &identity.pem);
        }
        command.envs(variables.iter().copied());
        let mut plugin = Self::spawn(&mut command, identity);
        let first = plugin.stdout_line();
        plugin.line = Line::parse(&first);
        assert!(plugin.line.fields.len() >= 6, "no handshake line: {first:?}; stderr: {}", plugin.stderr());
        plugin
    }

    /// Under `--debug`. The second value is what the line with `TF_REATTACH_PROVIDERS` sets.
    pub(crate) fn start_for_debugger() -> (Self, serde_json::Value) {
        let mut plugin = Self::spawn(command().arg("-debug=true"), None);
        let json = loop {
            let line = plugin.stdout_line();
            assert!(!line.is_empty(), "stdout ended; stderr: {}", plugin.stderr());
            if let Some((_, rest)) = line.split_once("TF_REATTACH_PROVIDERS='") {
                break rest.trim_end().trim_end_matches('\'').to_owned();
            }
        };
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let process = json.as_object().and_then(|it| it.values().next()).expect("an address");
        let socket = process["Addr"]["String"].as_str().expect("a path");
        plugin.line = Line::parse(&format!("1|6|unix|{socket}|grpc|"));
        (plugin, json)
    }

    fn spawn(command: &mut Command, identity: Option<Identity>) -> Self {
        let mut process = command.spawn().expect("the provider starts");
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, text) = (process.stderr.take().expect("stderr"), Arc::clone(&stderr));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                text.lock().expect("stderr").push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        });
        Self { process, line: Line { fields: Vec::new() }, identity, stderr, reader: Some(reader) }
    }

    fn stdout_line(&mut self) -> String {
        // One byte at a time, so that nothing of the next line is swallowed.
        let mut line = String::new();
        BufReader::with_capacity(1, self.stdout()).read_line(&mut line).expect("a line");
        line
    }

    /// What follows the handshake line.
    pub(crate) fn stdout(&mut self) -> &mut ChildStdout {
        self.process.stdout.as_mut().expect("stdout")
    }

    /// What it has logged so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("stderr").clone()
    }

    /// A client over a connection of its own, with the certificate that the provider was told of.
    pub(crate) async fn client(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel().await)
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    }

    /// A connection of its own.
    pub(crate) async fn channel(&self) -> Channel {
        let socket = self.line.socket().to_owned();
        let tls = self.identity.as_ref().map(|identity| connector(self.line.certificate(), Some(identity)));
        let connect = move |_| {
            let (socket, tls) = (socket.clone(), tls.clone());
            async move {
                let stream: Box<dyn Stream> = match tls {
                    Some(tls) => Box::new(tls.connect(server_name(), UnixStream::connect(socket).await?).await?),
                    None => Box::new(UnixStream::connect(socket).await?),
                };
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        };
        Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(connect))
            .await
            .unwrap_or_else(|error| panic!("no connection: {error:?}; stderr: {}", self.stderr()))
    }

    /// TLS as someone else: with another certificate, or none. What the first read says.
    pub(crate) async fn read_as(&self, identity: Option<&Identity>) -> std::io::Result<usize> {
        use tokio::io::AsyncReadExt;
        let stream = UnixStream::connect(self.line.socket()).await?;
        let mut stream: TlsStream<UnixStream> =
            connector(self.line.certificate(), identity).connect(server_name(), stream).await?;
        stream.read(&mut [0; 1]).await
    }

    /// A bare connection that says nothing.
    pub(crate) async fn silent(&self) -> UnixStream {
        UnixStream::connect(self.line.socket()).await.expect("a connection")
    }

    /// Sends SIGINT, as Ctrl-C in the terminal does.
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Calls `Shutdown` and waits as Terraform does: it ignores the answer, and kills after two seconds.
    pub(crate) async fn shut_down(&mut self) -> ExitStatus {
        let mut controller = GrpcControllerClient::new(self.channel().await);
        controller.shutdown(tfplugin::wire::generated::plugin::Empty {}).await.expect("an answer to Shutdown");
        self.exit()
    }

    /// Waits as Terraform does for the end.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                self.reader.take().map(JoinHandle::join);
                return status;
            }
            if asked.elapsed() > PATIENCE {
                self.process.kill().expect("a child");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        // Killed, it leaves its socket and the folder that is the socket's own.
        if let Some(socket) = self.line.fields.get(3).map(Path::new) {
            drop(std::fs::remove_file(socket));
            drop(socket.parent().map(std::fs::remove_dir));
        }
    }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for T {}

fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

fn connector(server: CertificateDer<'static>, identity: Option<&Identity>) -> TlsConnector {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OnlyThisServer { server, algorithms }));
    let mut config = match identity {
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
            builder.with_client_auth_cert(vec![identity.certificate.clone()], key).expect("a client certificate")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Go takes the server's certificate as its only root; rustls takes no CA for a server, so it is compared.
#[derive(Debug)]
struct OnlyThisServer {
    server: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for OnlyThisServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.server {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
