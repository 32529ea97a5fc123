//! A small HTTP server for the tests of this layer: it answers what a script says, in order, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::budget::Budget;
use super::client::Client;
use super::settings::ApiSettings;
use crate::secret::Secret;

/// One answer of the script.
#[derive(Clone, Debug)]
pub(super) struct Step {
    status: u16,
    header: Option<(&'static str, String)>,
    body: String,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    Answer,
    /// The request is read and the connection closed.
    Drop,
    /// The answer breaks off.
    Cut,
    /// The answer waits until the test says so.
    Hold(Arc<Notify>),
    /// The body is repeated until the client closes the connection.
    Endless,
    /// The body never arrives.
    Stall,
}

/// An answer with a body.
pub(super) fn answer(status: u16, body: &str) -> Step {
    Step { status, header: None, body: body.to_owned(), act: Act::Answer }
}

/// A refusal in Neon's own form.
pub(super) fn refusal(status: u16) -> Step {
    answer(status, &format!(r#"{{"request_id":"r-{status}","code":"","message":"refused with {status}"}}"#))
}

/// The request arrives, its answer does not.
pub(super) fn lost() -> Step {
    Step { act: Act::Drop, ..answer(200, "") }
}

impl Step {
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some((name, value.into()));
        self
    }

    pub(super) fn cut(mut self) -> Self {
        self.act = Act::Cut;
        self
    }

    pub(super) fn endless(mut self) -> Self {
        self.act = Act::Endless;
        self
    }

    pub(super) fn stalled(mut self) -> Self {
        self.act = Act::Stall;
        self
    }

    pub(super) fn held(mut self, until: &Arc<Notify>) -> Self {
        self.act = Act::Hold(Arc::clone(until));
        self
    }
}

/// What the server was asked.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Method and target.
    pub(super) line: String,
    /// Header lines, names in lower case.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<VecDeque<Step>>,
    calls: Mutex<Vec<Call>>,
    arrived: Notify,
}

/// The running server; it ends with the test's runtime.
pub(super) struct Server {
    shared: Arc<Shared>,
    url: String,
}

impl Server {
    pub(super) async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/api/v2", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { script: Mutex::new(script.into_iter().collect()), ..Shared::default() });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&serving), stream));
            }
        });
        Self { shared, url }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&ApiSettings {
            base_url: format!("{}/", self.url),
            api_key: Secret::new("napi_key\n"),
            terraform_version: Some("1.11.4".to_owned()),
            user_agent_suffix: Some("suite/1".to_owned()),
        })
        .expect("legal settings")
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Methods and targets, without the base path.
    pub(super) fn lines(&self) -> Vec<String> {
        self.calls().iter().map(|call| call.line.replacen("/api/v2", "", 1)).collect()
    }

    /// Waits until so many requests have arrived.
    pub(super) async fn arrived(&self, count: usize) {
        loop {
            let next = self.shared.arrived.notified();
            if self.calls().len() >= count {
                return;
            }
            next.await;
        }
    }
}

/// Time enough for any test that is not about time.
pub(super) fn budget() -> Budget {
    Budget::lasting(Duration::from_mins(1))
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
        .collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.expect("a whole body");
    let call = Call {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).expect("text"),
    };
    let step = shared.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    shared.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    shared.arrived.notify_waiters();
    // A request beyond the script is refused for good, so that the test fails and does not hang.
    let step = step.unwrap_or_else(|| refusal(418));
    match &step.act {
        Act::Drop => return,
        Act::Hold(until) => until.notified().await,
        Act::Answer | Act::Cut | Act::Endless | Act::Stall => {}
    }
    let header = step.header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
    let promised = step.body.len() + if matches!(step.act, Act::Cut) { 10 } else { 0 };
    let head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n{header}content-length: {promised}\r\n\r\n", step.status);
    let head = if step.status == 204 { head.replace("content-length: 0\r\n", "") } else { head };
    match step.act {
        Act::Endless => {
            let head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n\r\n", step.status);
            let mut written = stream.write_all(head.as_bytes()).await;
            while written.is_ok() {
                written = stream.write_all(step.body.as_bytes()).await;
            }
            return;
        }
        Act::Stall => {
            let _ = stream.write_all(head.as_bytes()).await;
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    let _ = stream.write_all(format!("{head}{}", step.body).as_bytes()).await;
    let _ = stream.shutdown().await;
}
