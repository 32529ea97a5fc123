//! What passes between a client that has logged in and its server, message by message, so that a fault can meet a round.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

use super::framed;
use super::passwords;
use super::rounds::{Action, Asked, Fault, When};
use crate::app::App;

/// Largest message that is passed on: as large as Postgres takes one.
const LARGEST: usize = 1 << 30;

/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// How far the two directions are.
#[derive(Debug, Default)]
struct Progress {
    /// Rounds that the client has begun.
    asked: u64,
    /// Rounds that the server has answered.
    answered: u64,
    /// The answer to this round is kept back.
    kept_back: Option<(u64, Fault)>,
}

/// The connection until one of both ends it. `note` hears of each password that the client sets for a role.
pub(super) async fn pass<C, S, N>(app: &App, compute: &str, client: &mut C, server: &mut S, note: N) -> Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
    N: Fn(&str, Option<String>),
{
    let (client_reads, client_writes) = split(client);
    let (server_reads, server_writes) = split(server);
    let relay = Relay { app, compute, note, progress: Mutex::default() };
    let up = async {
        relay.up(client_reads, server_writes).await?;
        std::future::pending::<Result<()>>().await // the client has left; the server ends the rest
    };
    tokio::select! {
        passed = up => passed,
        passed = relay.down(server_reads, client_writes) => passed,
        () = app.cut.notified() => Ok(()),
    }
}

struct Relay<'a, N> {
    app: &'a App,
    compute: &'a str,
    note: N,
    progress: Mutex<Progress>,
}

impl<N: Fn(&str, Option<String>)> Relay<'_, N> {
    fn progress<T>(&self, look: impl FnOnce(&mut Progress) -> T) -> T {
        look(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn up(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<()> {
        let (mut frames, mut asked) = (Frames::default(), Asked::default());
        while frames.read(&mut from).await? {
            let mut ready = Vec::new();
            while let Some((kind, body)) = frames.next()? {
                for (role, password) in passwords::set_by(kind, &body) {
                    (self.note)(&role, password);
                }
                let (ends, met) = asked.meets(kind, &body, &self.app.rounds);
                if let Some(fault) = met.as_ref().filter(|fault| fault.when == When::Before) {
                    to.write_all(&ready).await?;
                    to.flush().await?;
                    ready.clear();
                    self.befall(fault.action).await?;
                }
                if ends {
                    self.progress(|it| {
                        it.asked += 1;
                        let after = met.filter(|fault| fault.when == When::After);
                        it.kept_back = after.map(|fault| (it.asked, fault)).or(it.kept_back.take());
                    });
                }
                ready.extend_from_slice(&framed(kind, &body));
            }
            to.write_all(&ready).await?;
            to.flush().await?;
        }
        Ok(to.shutdown().await?)
    }

    async fn down(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<()> {
        let (mut frames, mut ready) = (Frames::default(), Vec::new());
        while frames.read(&mut from).await? {
            while let Some((kind, body)) = frames.next()? {
                ready.extend_from_slice(&framed(kind, &body));
                if kind != b'Z' {
                    continue;
                }
                let met = self.progress(|it| {
                    it.answered += 1;
                    it.kept_back.take_if(|(round, _)| *round == it.answered)
                });
                if let Some((_, fault)) = met {
                    self.befall(fault.action).await?;
                    // A stream has no holes: where an answer is lost, so is all that comes after it, such as the word of a shutdown.
                    ensure!(fault.action != Action::Restart, "the server was restarted on request of the test");
                }
            }
            if self.progress(|it| it.kept_back.as_ref().is_none_or(|(round, _)| *round > it.answered + 1)) {
                to.write_all(&ready).await?;
                to.flush().await?;
                ready.clear();
            }
        }
        Ok(to.shutdown().await?) // a server that ends without a word has sent its last message before
    }

    /// What the fault does; an error ends the connection.
    async fn befall(&self, action: Action) -> Result<()> {
        match action {
            Action::Cut => bail!("cut on request of the test"),
            Action::Kill => {
                self.app.kill(self.compute).await?;
                bail!("the server was killed on request of the test")
            }
            Action::Restart => self.app.restart(self.compute).await,
            Action::Hold => {
                self.app.rounds.hold().await;
                Ok(())
            }
        }
    }
}

/// Whole messages out of a stream.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Reads more; false at the end of the stream.
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<bool> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.reserve(CHUNK);
        Ok(from.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next message that is here as a whole: its kind and its body.
    fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>> {
        let Some([kind, a, b, c, d]) = self.buffer[self.at..].first_chunk().copied() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        ensure!((4..=LARGEST).contains(&length), "a message of {length} bytes");
        let Some(body) = self.buffer.get(self.at + 5..self.at + 1 + length) else { return Ok(None) };
        let body = body.to_vec();
        self.at += 1 + length;
        Ok(Some((kind, body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_whole_however_they_arrive() {
        let sent = [framed(b'Q', b"SELECT 1\0"), framed(b'S', b""), framed(b'd', &vec![7; 70_000])].concat();
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        for part in sent.chunks(1_009) {
            let mut part = part;
            assert!(frames.read(&mut part).await.expect("bytes"));
            while let Some((kind, body)) = frames.next().expect("a message") {
                seen.push((kind, body.len()));
            }
        }
        assert_eq!(seen, [(b'Q', 9), (b'S', 0), (b'd', 70_000)]);
        assert!(!frames.read(&mut [].as_slice()).await.expect("the end"));
        frames.buffer = vec![b'Q', 0, 0, 0, 1];
        assert!(frames.next().is_err(), "a length below its own");
    }
}
