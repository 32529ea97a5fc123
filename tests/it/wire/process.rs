//! Start, handshake line, signals, end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use tfplugin::wire::generated::plugin::grpc_broker_client::GrpcBrokerClient;
use tfplugin::wire::generated::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplugin::wire::generated::tfplugin6::provider_client::ProviderClient;
use tfplugin::wire::generated::tfplugin6::{configure_provider, get_provider_schema, stop_provider};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;

use crate::support::plugin_client::{Plugin, command};

fn printed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command().args(arguments).output().expect("the provider runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn by_hand_it_explains_itself() {
    let (code, stdout, stderr) = printed(&[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("`neonrep/neonrep`") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn version_and_help() {
    let version = concat!("terraform-provider-neonrep ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed(&["--version"]), (Some(0), version.to_owned(), String::new()));
    let (code, stdout, stderr) = printed(&["--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("--debug"), "{stdout}");
    for arguments in [&["--debug=maybe"][..], &["--version", "more"]] {
        let (code, stdout, stderr) = printed(arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert!(stderr.contains("--help"), "{stderr}");
    }
}

#[test]
fn a_broken_client_certificate_is_refused_not_ignored() {
    let output = command()
        .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
        .env("PLUGIN_CLIENT_CERT", "-----BEGIN CERTIFICATE-----")
        .output()
        .expect("the provider runs");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLUGIN_CLIENT_CERT"));
}

#[test]
fn an_orphan_ends_by_itself() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let sockets = || std::fs::read_dir(folder.path()).expect("the folder").count();
    let mut parent = std::process::Command::new("sh")
        .args(["-c", "\"$0\" & wait", env!("CARGO_BIN_EXE_terraform-provider-neonrep")])
        .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    BufReader::new(parent.stdout.take().expect("its output")).read_line(&mut line).expect("the line");
    assert_eq!(sockets(), 1, "{line}");
    parent.kill().expect("the shell is killed");
    parent.wait().expect("it is gone");
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while sockets() > 0 {
        assert!(std::time::Instant::now() < patience, "the provider still serves nobody");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[tokio::test]
async fn the_handshake_line_is_go_plugins() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let path = folder.path().to_str().expect("text");
    let mut plugin = Plugin::start_with(&[("PLUGIN_UNIX_SOCKET_DIR", path), ("PLUGIN_PROTOCOL_VERSIONS", "6,5")]);
    let fields = &plugin.line.fields;
    assert_eq!(fields.len(), 6);
    assert_eq!([&fields[0], &fields[1], &fields[2], &fields[4]], ["1", "6", "unix", "grpc"]);
    assert_eq!(Path::new(plugin.line.socket()).ancestors().nth(2), Some(folder.path()), "in a folder of its own");
    assert!(fields[5].len() > 50);
    assert!(plugin.shut_down().await.success());
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "the socket file is left");
}

#[tokio::test]
async fn a_client_that_asks_for_multiplexing_is_told_no() {
    let plugin = Plugin::start_with(&[("PLUGIN_MULTIPLEX_GRPC", "true")]);
    assert_eq!(plugin.line.fields.get(6).map(String::as_str), Some("false"));
}

#[tokio::test]
async fn shutdown_ends_the_process_though_streams_are_open() {
    let mut plugin = Plugin::start();
    let channel = plugin.channel().await;
    let stdio = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.expect("a stream");
    let broker = GrpcBrokerClient::new(channel).start_stream(tokio_stream::pending()).await.expect("a stream");
    let idle = plugin.silent().await;
    let status = plugin.shut_down().await;
    assert!(status.success(), "{status}; stderr: {}", plugin.stderr());
    assert!(!Path::new(plugin.line.socket()).exists());
    drop((stdio, broker, idle));
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_call_that_hangs() {
    let mut plugin = Plugin::start();
    let channel = plugin.channel().await;
    let mut raw = Grpc::new(channel.clone());
    raw.ready().await.expect("a connection");
    // A call that never sends its request.
    let silence = Request::new(tokio_stream::pending::<get_provider_schema::Request>());
    let codec = ProstCodec::<get_provider_schema::Request, get_provider_schema::Response>::default();
    let path = PathAndQuery::from_static("/tfplugin6.Provider/GetProviderSchema");
    let mut hanging = Box::pin(raw.client_streaming(silence, path, codec));
    // Requests of one connection go out in order: once this is answered, the other has begun.
    let mut client = ProviderClient::new(channel);
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("answered a question that was not asked"),
        answer = client.get_provider_schema(get_provider_schema::Request {}) => drop(answer.expect("a schema")),
    }
    let status = plugin.shut_down().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn nothing_is_printed_after_the_line() {
    let mut plugin = Plugin::start();
    let mut client = plugin.client().await;
    client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
    assert!(plugin.shut_down().await.success());
    assert_eq!(plugin.rest_of_stdout(), "");
}

#[tokio::test]
async fn stop_provider_keeps_serving() {
    let mut plugin = Plugin::start();
    let mut client = plugin.client().await;
    for _ in 0..2 {
        let answer = client.stop_provider(stop_provider::Request {}).await.expect("an answer").into_inner();
        assert_eq!(answer.error, "");
        client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
    }
    assert!(plugin.shut_down().await.success());
}

#[tokio::test]
async fn ctrl_c_is_terraforms_business() {
    let mut plugin = Plugin::start_with(&[("TF_LOG", "DEBUG")]);
    let mut client = plugin.client().await;
    plugin.interrupt();
    // The signal is noted before it is answered for: once the line is there, it did no harm.
    while !plugin.stderr().contains("interrupt ignored") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
    }
    client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
    assert!(plugin.shut_down().await.success());
}

#[tokio::test]
async fn health_is_served_under_go_plugins_name() {
    let plugin = Plugin::start();
    let mut client = HealthClient::new(plugin.channel().await);
    let answer = client.check(HealthCheckRequest { service: "plugin".to_owned() }).await.expect("an answer");
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn debug_serves_many_runs_until_ctrl_c() {
    let (mut plugin, reattach) = Plugin::start_for_debugger();
    for address in ["registry.terraform.io/neonrep/neonrep", "registry.opentofu.org/neonrep/neonrep"] {
        assert_eq!(reattach[address]["Test"], true);
        assert_eq!(reattach[address]["ProtocolVersion"], 6);
    }
    for _run in 0..2 {
        let mut client = plugin.client().await;
        client.get_provider_schema(get_provider_schema::Request {}).await.expect("a schema");
        client.configure_provider(configure_provider::Request::default()).await.expect("an answer");
        client.stop_provider(stop_provider::Request {}).await.expect("an answer");
    }
    plugin.interrupt();
    assert!(plugin.exit().success());
    assert!(!Path::new(plugin.line.socket()).exists());
}

#[tokio::test]
async fn sigterm_ends_it_in_order() {
    for mut plugin in [Plugin::start(), Plugin::start_for_debugger().0] {
        let socket = Path::new(plugin.line.socket()).to_owned();
        assert!(socket.exists());
        plugin.signal("TERM");
        assert!(plugin.exit().success());
        assert!(!socket.parent().is_some_and(Path::exists), "the socket's folder is left");
    }
}

impl Plugin {
    fn rest_of_stdout(&mut self) -> String {
        let mut rest = String::new();
        self.stdout().read_to_string(&mut rest).expect("text");
        rest
    }
}
