//! From the first signal handler to the removed socket: one parent and its end, or a debugger and many runs.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tracing::{debug, info, warn};

use super::about::About;
use crate::process::address::{Address, Place};
use crate::process::handshake::{self, Launch, PROTOCOL};
use crate::process::listener::Listener;
use crate::process::logging;
use crate::process::plugin_services::{Broker, Controller, SERVICE, Stdio};
use crate::process::tls::{self, Tls};
use crate::server::PluginServer;
use crate::wire::generated::plugin::{
    grpc_broker_server::GrpcBrokerServer, grpc_controller_server::GrpcControllerServer,
    grpc_stdio_server::GrpcStdioServer,
};
use crate::wire::generated::tfplugin6::provider_server::ProviderServer;
use crate::wire::service::ProviderService;

/// In both directions, as `HashiCorp`'s own servers have it. tonic's default for requests is 4 MiB.
const MESSAGE_BYTES: usize = 256 << 20;
/// Terraform kills the process 2 s after `Shutdown`; by then it has to be gone by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How often a provider looks whether the process that started it is still there.
#[cfg(unix)]
const ORPHAN_LOOK: Duration = Duration::from_secs(2);
/// Work is waiting for the network; more threads only cost memory.
const MOST_THREADS: usize = 4;
/// `-parallelism` sets how many calls are open at once. A limit below it would hold back `StopProvider`.
const OPEN_CALLS: u32 = 4096;

/// Why nothing could be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The runtime did not start.
    #[error("the provider's threads could not be started: {0}")]
    Threads(#[source] io::Error),
    /// Signals could not be caught.
    #[error("signals could not be caught: {0}")]
    Signals(#[source] io::Error),
    /// No socket.
    #[error("no socket could be opened in {place}: {source}")]
    Listen { place: String, source: io::Error },
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The parent does not read.
    #[error("nobody reads the provider's address on stdout: {0}")]
    Stdout(#[source] io::Error),
    /// The gRPC server failed.
    #[error("the provider stopped serving: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves the process that started us until it calls `Shutdown`.
pub(crate) fn for_parent(
    about: &About,
    launch: &Launch,
    make: impl FnOnce() -> Arc<dyn PluginServer>,
) -> Result<(), Error> {
    // Read before anything else: the parent may be gone as soon as it has our line.
    #[cfg(unix)]
    let parent = std::os::unix::process::parent_id();
    logging::start(about);
    run(async move {
        let end = CancellationToken::new();
        // Ctrl-C reaches the whole process group. Terraform then says what to do; dying here would orphan objects.
        let interrupts = Interrupts::catch()?;
        tokio::spawn(interrupts.each(|| debug!("interrupt ignored: Terraform says when to stop")));
        #[cfg(unix)]
        tokio::spawn(orphaned(parent, end.clone()));
        #[cfg(unix)]
        tokio::spawn(terminated(end.clone())?);

        let tls = launch.client_certificate.as_deref().map(Tls::for_client).transpose()?;
        let listener = listen(&launch.place)?;
        let certificate = tls.as_ref().map_or("", |it| it.certificate.as_str());
        say(&handshake::line(listener.address(), certificate, launch.seventh_field))?;
        debug!(protocol = PROTOCOL, version = about.version, tls = tls.is_some(), "serving");
        if !launch.understood {
            warn!(protocol = PROTOCOL, "Terraform does not name this plugin protocol among those it knows");
        }
        serve(listener, tls.map(|it| it.acceptor), make(), end).await
    })
}

/// Ends the process once the one that started it is gone without a word, as after `kill -9`: nobody would call
/// `Shutdown` any more. An orphan gets another parent.
#[cfg(unix)]
async fn orphaned(parent: u32, end: CancellationToken) {
    loop {
        tokio::time::sleep(ORPHAN_LOOK).await;
        if std::os::unix::process::parent_id() != parent {
            warn!("the process that started the provider is gone");
            return end.cancel();
        }
    }
}

/// Ends the process in order on SIGTERM and on SIGHUP, caught from here on: the socket would stay otherwise.
#[cfg(unix)]
fn terminated(end: CancellationToken) -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => debug!("SIGTERM"),
            _ = hang_up.recv() => debug!("SIGHUP"),
        }
        end.cancel();
    })
}

/// Serves any number of runs of Terraform, in plaintext, until Ctrl-C.
pub(crate) fn for_debugger(
    about: &About,
    place: &Place,
    make: impl FnOnce() -> Arc<dyn PluginServer>,
) -> Result<(), Error> {
    logging::start(about);
    run(async {
        let end = CancellationToken::new();
        let interrupts = Interrupts::catch()?;
        let stop = end.clone();
        tokio::spawn(interrupts.each(move || stop.cancel()));
        #[cfg(unix)]
        tokio::spawn(terminated(end.clone())?);

        let listener = listen(place)?;
        say(&format!(
            "Provider started. To use this process, set in the shell that runs terraform or tofu:\n\n\
             \tTF_REATTACH_PROVIDERS='{}'\n\n\
             Ctrl-C ends it.",
            reattach(about, listener.address())
        ))?;
        serve(listener, None, make(), end).await
    })
}

/// What a run needs to find this process: JSON, by full source address.
///
/// `Test` keeps Terraform from ending the process, and without it Terraform 1.11 panics for protocol 6.
fn reattach(about: &About, address: &Address) -> String {
    let process = serde_json::json!({
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": { "Network": address.network(), "String": address.text() },
    });
    let all: serde_json::Map<_, _> = about.addresses.iter().map(|it| ((*it).to_owned(), process.clone())).collect();
    serde_json::Value::from(all).to_string()
}

fn run(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(2, MOST_THREADS);
    let runtime: Runtime =
        Builder::new_multi_thread().worker_threads(threads).enable_all().build().map_err(Error::Threads)?;
    let outcome = runtime.block_on(work);
    // Work that the grace did not suffice for ends with the process.
    runtime.shutdown_background();
    outcome
}

fn listen(place: &Place) -> Result<Listener, Error> {
    Listener::bind(place).map_err(|source| Error::Listen { place: place.folder.display().to_string(), source })
}

fn say(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Stdout)
}

/// Serves all services until `end`, then for at most [`GRACE`] what is under way.
async fn serve(
    listener: Listener,
    tls: Option<TlsAcceptor>,
    provider: Arc<dyn PluginServer>,
    end: CancellationToken,
) -> Result<(), Error> {
    let (handed, connections) = mpsc::channel(16);
    let feeding = tokio::spawn(listener.feed(tls, handed, end.clone()));

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(SERVICE, ServingStatus::Serving).await;
    let service = ProviderService::new(provider);
    let under_way = service.under_way();
    let served = Server::builder()
        .max_concurrent_streams(OPEN_CALLS)
        .add_service(
            ProviderServer::new(service)
                .max_decoding_message_size(MESSAGE_BYTES)
                .max_encoding_message_size(MESSAGE_BYTES),
        )
        .add_service(GrpcControllerServer::new(Controller::new(end.clone())))
        .add_service(GrpcBrokerServer::new(Broker::new(end.clone())))
        .add_service(GrpcStdioServer::new(Stdio::new(end.clone())))
        .add_service(health)
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), end.clone().cancelled_owned());

    let to_the_end = async {
        let outcome = served.await;
        under_way.ended().await;
        outcome
    };
    let outcome = tokio::select! {
        outcome = to_the_end => outcome,
        () = async { end.cancelled().await; tokio::time::sleep(GRACE).await } => {
            info!("ending with calls under way");
            Ok(())
        }
    };
    end.cancel();
    // The listener goes with its task, and the socket file with the listener.
    drop(feeding.await);
    outcome.map_err(Error::from)
}

/// Ctrl-C, caught from the moment this exists.
struct Interrupts {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
    #[cfg(windows)]
    signal: tokio::signal::windows::CtrlC,
}

impl Interrupts {
    fn catch() -> Result<Self, Error> {
        #[cfg(unix)]
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let signal = tokio::signal::windows::ctrl_c();
        Ok(Self { signal: signal.map_err(Error::Signals)? })
    }

    async fn each(mut self, act: impl Fn()) {
        while self.signal.recv().await.is_some() {
            act();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reattach_names_both_registries() {
        let about = About {
            name: "sample",
            version: "1",
            purpose: "",
            log_crates: &[],
            addresses: &["registry.terraform.io/acme/sample", "registry.opentofu.org/acme/sample"],
        };
        let text = reattach(&about, &Address::Tcp("127.0.0.1:10000".parse().unwrap()));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for address in about.addresses {
            let process = &json[address];
            assert_eq!(process["Protocol"], "grpc");
            assert_eq!(process["ProtocolVersion"], 6);
            assert_eq!(process["Test"], true);
            assert_eq!(process["Pid"], std::process::id());
            assert_eq!(process["Addr"], serde_json::json!({ "Network": "tcp", "String": "127.0.0.1:10000" }));
        }
    }
}
