//! A relay before a server on loopback: counts connections and round trips, makes the way to it longer, and may put one
//! port for another.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What went through.
#[derive(Default)]
pub(crate) struct Counts {
    /// Connections taken.
    pub(crate) connections: AtomicUsize,
    /// How often a client spoke after the server had: pipelined requests are one, as on a real network.
    pub(crate) round_trips: AtomicUsize,
    /// Bytes that the server sent.
    pub(crate) received: AtomicUsize,
}

/// A relay that runs as long as the program.
pub(crate) struct Relay {
    pub(crate) port: u16,
    pub(crate) counts: Arc<Counts>,
}

impl Relay {
    /// Relays to that port; each message and its answer take `round_trip` longer together. In answers `replace.0` becomes
    /// `replace.1`; both are of one length, so that nothing else of a message changes.
    pub(crate) fn start(to: u16, round_trip: Duration, replace: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let counts = Arc::new(Counts::default());
        let relay = Self { port, counts: Arc::clone(&counts) };
        assert!(replace.as_ref().is_none_or(|(old, new)| old.len() == new.len()), "{replace:?}");
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                counts.connections.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                connect(&client, &server, &counts, round_trip / 2, replace.as_ref());
            }
        });
        relay
    }
}

fn connect(
    client: &TcpStream,
    server: &TcpStream,
    counts: &Arc<Counts>,
    delay: Duration,
    replace: Option<&(String, String)>,
) {
    let server_spoke = Arc::new(AtomicBool::new(true));
    for stream in [client, server] {
        let _ = stream.set_nodelay(true);
    }
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else { return };
    let received = Arc::clone(counts);
    let (spoke, counts) = (Arc::clone(&server_spoke), Arc::clone(counts));
    let client_spoke = move || {
        if spoke.swap(false, Ordering::Relaxed) {
            counts.round_trips.fetch_add(1, Ordering::Relaxed);
        }
    };
    pass(from_client, to_server, delay, move |_| client_spoke(), || {});
    let replace = replace.cloned();
    let exchange = move |bytes: &mut [u8]| {
        received.received.fetch_add(bytes.len(), Ordering::Relaxed);
        if let Some((old, new)) = &replace {
            let found: Vec<usize> = bytes
                .windows(old.len())
                .enumerate()
                .filter(|(_, it)| *it == old.as_bytes())
                .map(|(at, _)| at)
                .collect();
            for at in found {
                bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
            }
        }
    };
    // An answer counts when it arrives: what the client sends before does not wait for it.
    pass(from_server, to_client, delay, exchange, move || server_spoke.store(true, Ordering::Relaxed));
}

/// Passes bytes on after the delay, whatever follows meanwhile.
fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    delay: Duration,
    mut taken: impl FnMut(&mut [u8]) + Send + 'static,
    arrives: impl Fn() + Send + 'static,
) {
    let (way, arrived) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 {
                break;
            }
            taken(&mut buffer[..length]);
            if way.send((Instant::now() + delay, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (due, bytes) in arrived {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            arrives();
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
