//! Starts the toy provider without TLS and talks to it with the client generated from the same proto files.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use hyper_util::rt::TokioIo;
use rmpv::Value;
use tempfile::TempDir;
use tfplugin::wire::generated::tfplugin6::provider_client::ProviderClient;
use tfplugin::wire::generated::tfplugin6::{self as proto, DynamicValue};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_terraform-provider-toy");

/// A running provider, configured for a folder of its own. It ends with this.
pub(crate) struct Plugin {
    process: Child,
    pub(crate) client: ProviderClient<Channel>,
    pub(crate) folder: TempDir,
}

impl Plugin {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sockets = folder.path().join("sockets");
        std::fs::create_dir(&sockets).expect("a folder");
        let mut process = Command::new(BINARY)
            .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
            .env("PLUGIN_PROTOCOL_VERSIONS", "6")
            .env("PLUGIN_UNIX_SOCKET_DIR", &sockets)
            .env("TF_LOG", "TRACE")
            .env_remove("PLUGIN_CLIENT_CERT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the provider starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let socket = line.split('|').nth(3).expect("a socket").to_owned();
        let connect = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel =
            Endpoint::from_static("http://localhost").connect_with_connector(connect).await.expect("a connection");
        let mut plugin = Self { process, client: ProviderClient::new(channel), folder };
        let config = object([("folder", plugin.folder.path().to_str().expect("text").into())]);
        let request = proto::configure_provider::Request {
            config: Some(config),
            ..proto::configure_provider::Request::default()
        };
        let answer = plugin.client.configure_provider(request).await.expect("an answer").into_inner();
        assert_eq!(answer.diagnostics, []);
        plugin
    }

    /// Ends it; what it logged.
    pub(crate) fn log(mut self) -> String {
        self.process.kill().expect("a child");
        let mut text = String::new();
        self.process.stderr.take().expect("stderr").read_to_string(&mut text).expect("text");
        text
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A value for the wire, written by another encoder than the provider's.
pub(crate) fn object<'a>(items: impl IntoIterator<Item = (&'a str, Value)>) -> DynamicValue {
    encoded(&Value::Map(items.into_iter().map(|(name, it)| (name.into(), it)).collect()))
}

pub(crate) fn encoded(value: &Value) -> DynamicValue {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, value).expect("msgpack");
    DynamicValue { msgpack, json: Vec::new() }
}

pub(crate) fn decoded(value: &DynamicValue) -> Value {
    rmpv::decode::read_value(&mut value.msgpack.as_slice()).expect("msgpack")
}

/// The attribute of an object.
pub(crate) fn attribute(value: &DynamicValue, name: &str) -> Value {
    let Value::Map(items) = decoded(value) else { panic!("no object") };
    items.into_iter().find(|(key, _)| key.as_str() == Some(name)).unwrap_or_else(|| panic!("no `{name}`")).1
}
