//! An API that cannot be used: what cannot pass ends at once and is remembered, the rest is waited for as long as the caller is
//! patient.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::super::project;
use super::super::scripted_server::{Server, answer, budget, refusal};
use super::super::transport::Transport;
use super::super::{ApiSettings, Budget, Client, Error, Kind, ProjectId};
use super::{MADE, PROJECT, branch};
use crate::secret::Secret;

fn settings(base_url: impl Into<String>) -> ApiSettings {
    ApiSettings {
        base_url: base_url.into(),
        api_key: Secret::new("napi_key"),
        terraform_version: None,
        user_agent_suffix: None,
    }
}

/// Without the proxy of the environment.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

async fn read(transport: &Transport, project: &str, budget: &Budget) -> Error {
    let project = ProjectId::parse(project).expect("legal");
    transport.send(&project::get(&project), budget).await.expect_err("no answer")
}

/// Two calls that both fail in that way, the second without being sent.
async fn lasts(transport: &Transport, kind: Kind, attempts: &AtomicUsize) -> Error {
    let first = read(transport, "p-1", &budget()).await;
    assert_eq!((first.kind(), first.tries()), (kind, 1), "{first}");
    let sent = attempts.load(Ordering::SeqCst);
    let second = read(transport, "p-2", &budget()).await;
    assert_eq!(second.kind(), kind);
    assert!(second.to_string().starts_with("`GET /projects/p-2`"), "{second}");
    assert!(second.message().starts_with("not sent, after an earlier call failed: "), "{second}");
    assert_eq!(attempts.load(Ordering::SeqCst), sent, "the second call is not sent");
    first
}

/// Accepts TLS with a certificate for `api.example`.
async fn tls_server() -> (SocketAddr, reqwest::Certificate, Arc<AtomicUsize>) {
    let own = rcgen::generate_simple_self_signed(["api.example".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let text =
                format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{PROJECT}", PROJECT.len());
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, reqwest::Certificate::from_der(own.cert.der()).expect("a certificate"), attempts)
}

#[tokio::test]
async fn an_unknown_authority_ends_at_once() {
    let (address, _, attempts) = tls_server().await;
    let base = settings(format!("https://api.example:{}/api/v2", address.port()));
    let transport = Transport::with(&base, builder().resolve("api.example", address)).expect("legal");
    let error = lasts(&transport, Kind::UntrustedServer, &attempts).await;
    assert!(error.message().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_ends_at_once() {
    let (address, root, attempts) = tls_server().await;
    let trusting = |host: &str| {
        let base = settings(format!("https://{host}:{}/api/v2", address.port()));
        let http = builder().resolve(host, address).tls_certs_only([root.clone()]);
        Transport::with(&base, http).expect("legal")
    };
    let right = trusting("api.example");
    let project = ProjectId::parse("p-1").expect("legal");
    right.send(&project::get(&project), &budget()).await.expect("the certificate is good for its own name");
    let error = lasts(&trusting("other.example"), Kind::UntrustedServer, &attempts).await;
    assert!(error.message().contains("other.example"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_ends_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let transport = Transport::with(&settings(format!("https://{address}/api/v2")), builder()).expect("legal");
    lasts(&transport, Kind::UntrustedServer, &attempts).await;
}

/// A resolver that knows no name.
struct Nowhere(Arc<AtomicUsize>);

impl Resolve for Nowhere {
    fn resolve(&self, _: Name) -> Resolving {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err::<Addrs, _>(std::io::Error::other("Name or service not known").into()) })
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_ends_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let base = settings("https://api.example/api/v2");
    let resolver = Arc::new(Nowhere(Arc::clone(&asked)));
    let transport = Transport::with(&base, builder().dns_resolver(resolver)).expect("legal");
    let error = lasts(&transport, Kind::UnknownHost, &asked).await;
    assert!(error.message().contains("Name or service not known"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A resolver that fails the second time only.
struct Flickering(SocketAddr, AtomicUsize);

impl Resolve for Flickering {
    fn resolve(&self, _: Name) -> Resolving {
        let (address, failed) = (self.0, self.1.fetch_add(1, Ordering::SeqCst) == 1);
        Box::pin(async move {
            if failed {
                return Err(std::io::Error::other("Temporary failure in name resolution").into());
            }
            Ok(Box::new(std::iter::once(address)) as Addrs)
        })
    }
}

#[tokio::test]
async fn a_name_that_has_resolved_before_is_tried_again() {
    let (address, root, _) = tls_server().await;
    let base = settings(format!("https://api.example:{}/api/v2", address.port()));
    let resolver = Arc::new(Flickering(address, AtomicUsize::new(0)));
    let http = builder().dns_resolver(Arc::clone(&resolver)).tls_certs_only([root]);
    let transport = Transport::with(&base, http).expect("legal");
    let project = ProjectId::parse("p-1").expect("legal");
    for call in ["before", "through"] {
        transport.send(&project::get(&project), &budget()).await.expect(call);
    }
    assert_eq!(resolver.1.load(Ordering::SeqCst), 3);
}

/// A proxy that answers CONNECT with that status.
async fn proxy(status: u16) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
        }
    });
    (url, attempts)
}

#[tokio::test]
async fn a_proxy_that_refuses_ends_at_once() {
    for status in [403, 407, 502] {
        let (url, attempts) = proxy(status).await;
        let base = settings("https://api.example/api/v2");
        let http = reqwest::Client::builder().proxy(reqwest::Proxy::all(&url).expect("a URL"));
        let transport = Transport::with(&base, http).expect("legal");
        lasts(&transport, Kind::ProxyRefused, &attempts).await;
        assert_eq!(attempts.load(Ordering::SeqCst), 1, "{status}");
    }
}

#[tokio::test]
async fn a_refused_key_is_remembered_for_its_project() {
    let server = Server::start([refusal(401), answer(200, PROJECT)]).await;
    let client = server.client();
    let project = |id| ProjectId::parse(id).expect("legal");
    for call in ["the first", "the second"] {
        let error = client.get_project(&project("p-1"), &budget()).await.expect_err("refused");
        assert_eq!((error.kind(), error.status()), (Kind::Unauthorized, Some(401)), "{call}");
    }
    assert!(client.get_project(&project("p-2"), &budget()).await.is_ok(), "the key may be scoped to another project");
    assert_eq!(server.calls().len(), 2);
}

/// A client of a port on which nobody listens.
fn nobody() -> Client {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    Client::new(&settings(format!("http://127.0.0.1:{port}/api/v2"))).expect("legal")
}

#[tokio::test(start_paused = true)]
async fn a_plan_waits_twenty_seconds_for_an_unreachable_api_and_only_once() {
    let (client, plan) = (nobody(), Budget::lasting(Duration::from_mins(2)).planning());
    let begun = Instant::now();
    let first = client.get_project(&super::project(), &plan).await.expect_err("refused");
    assert_eq!(first.kind(), Kind::Network);
    assert!(first.tries() > 3, "{first}");
    assert!((5..=20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let waited = Instant::now();
    for project in ["p-2", "p-3", "p-4", "p-5"] {
        let id = ProjectId::parse(project).expect("legal");
        let error = client.default_branch(&id, &plan).await.expect_err("refused");
        assert_eq!(error.kind(), Kind::Network);
    }
    assert!(begun.elapsed() <= Duration::from_secs(21), "{:?} and {:?}", begun.elapsed(), waited.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_apply_waits_for_an_unreachable_api_until_its_timeout() {
    let begun = Instant::now();
    let apply = Budget::lasting(Duration::from_mins(10));
    let error = nobody().create_role(&super::project(), &branch(), "r", &apply).await.expect_err("refused");
    assert_eq!(error.kind(), Kind::Network);
    assert!(error.message().contains("refused"), "{error}");
    assert!((580..=600).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_apply_goes_on_when_the_api_is_back() {
    let script = std::iter::repeat_n(refusal(503), 30).chain([refusal(404), refusal(503), answer(201, MADE)]);
    let server = Server::start(script).await;
    let begun = Instant::now();
    let apply = Budget::lasting(Duration::from_mins(10));
    let made = server.client().create_role(&super::project(), &branch(), "r", &apply).await;
    assert!(made.is_ok(), "{made:?}");
    assert!(begun.elapsed() > Duration::from_mins(1), "{:?}", begun.elapsed());
}
