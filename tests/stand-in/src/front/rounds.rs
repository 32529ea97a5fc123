//! Rounds: what clients ask the server through the front, counted one by one, and a fault at one of them.
//!
//! A round is a message that the server answers with `ReadyForQuery`: a simple query, or the `Sync` after the messages of
//! the extended protocol. <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Whether the server has done what the round asks for when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// The server has not seen it.
    Before,
    /// It is done, and the answer is kept from the client.
    After,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// The connection is cut without a message.
    Cut,
    /// The server is killed by SIGKILL, and recovers with the next connection.
    Kill,
    /// The server is restarted in an orderly way.
    Restart,
    /// The round waits until the rounds are cleared.
    Hold,
}

/// A fault as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The number of the round, from 1.
    pub(crate) at: usize,
    /// Before or after its effect.
    pub(crate) when: When,
    /// What happens.
    pub(crate) action: Action,
}

/// How far the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Armed,
    /// A round waits.
    Held,
    Done,
}

#[derive(Debug, Default, Serialize)]
struct State {
    /// What was asked, oldest first.
    rounds: Vec<String>,
    fault: Option<Fault>,
    stage: Option<Stage>,
    #[serde(skip)]
    generation: u64,
}

/// All rounds since they were last cleared.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    state: Mutex<State>,
    cleared: Notify,
}

impl Rounds {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rounds and the fault, as an admin route shows them.
    pub(crate) fn shown(&self) -> serde_json::Value {
        serde_json::json!(*self.state())
    }

    /// Sets the fault; the count begins again.
    pub(crate) fn arm(&self, fault: Fault) {
        self.clear();
        let mut state = self.state();
        state.fault = Some(fault);
        state.stage = Some(Stage::Armed);
    }

    /// Forgets the rounds and the fault. A round that waits goes on.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        *state = State { generation: state.generation + 1, ..State::default() };
        self.cleared.notify_waiters();
    }

    /// Counts a round; the fault that meets it.
    fn count(&self, text: String) -> Option<Fault> {
        let mut state = self.state();
        state.rounds.push(text);
        let met = state.fault.clone().filter(|fault| fault.at == state.rounds.len());
        if met.is_some() {
            state.stage = Some(Stage::Done);
        }
        met
    }

    /// Waits until the rounds are cleared.
    pub(crate) async fn hold(&self) {
        let generation = {
            let mut state = self.state();
            if state.stage.is_none() {
                return; // cleared meanwhile
            }
            state.stage = Some(Stage::Held);
            state.generation
        };
        loop {
            let cleared = self.cleared.notified();
            if self.state().generation != generation {
                return;
            }
            cleared.await;
        }
    }
}

/// The messages of one client, by which its rounds are told apart and named.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    statements: BTreeMap<String, String>,
    since_sync: Vec<String>,
}

impl Asked {
    /// Takes note of a message; the text of the round that it ends.
    fn note(&mut self, kind: u8, body: &[u8]) -> Option<String> {
        let mut texts = body.split(|&byte| byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
        match kind {
            b'Q' => return texts.next(),
            b'S' => return Some(std::mem::take(&mut self.since_sync).join("; ")),
            b'P' => {
                let (name, text) = (texts.next()?, texts.next()?);
                self.since_sync.push(format!("parse {text}"));
                self.statements.insert(name, text);
            }
            b'B' => {
                let (_portal, name) = (texts.next()?, texts.next()?);
                self.since_sync.push(self.statements.get(&name).cloned().unwrap_or(name));
            }
            b'C' => self.since_sync.push("close".to_owned()),
            _ => {}
        }
        None
    }

    /// The fault that meets this message, if it ends a round; and whether it ends one.
    pub(crate) fn meets(&mut self, kind: u8, body: &[u8], rounds: &Rounds) -> (bool, Option<Fault>) {
        match self.note(kind, body) {
            Some(text) => (true, rounds.count(text)),
            None => (false, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_a_query_or_a_sync_and_has_the_text_of_its_statements() {
        let (mut asked, rounds) = (Asked::default(), Rounds::default());
        rounds.arm(Fault { at: 2, when: When::After, action: Action::Cut });
        assert_eq!(asked.meets(b'Q', b"BEGIN\0", &rounds), (true, None));
        for (kind, body) in [(b'P', b"s1\0SELECT 1\0\0\0".as_slice()), (b'D', b"Ss1\0"), (b'B', b"\0s1\0\0\0")] {
            assert_eq!(asked.meets(kind, body, &rounds), (false, None));
        }
        let (ends, met) = asked.meets(b'S', b"", &rounds);
        assert!(ends);
        assert_eq!(met.map(|fault| fault.action), Some(Action::Cut));
        assert_eq!(asked.meets(b'B', b"\0s1\0\0\0", &rounds), (false, None));
        assert_eq!(asked.meets(b'S', b"", &rounds), (true, None));
        let shown = rounds.shown();
        assert_eq!(shown["rounds"], serde_json::json!(["BEGIN", "parse SELECT 1; SELECT 1", "SELECT 1"]));
        assert_eq!(shown["stage"], "done");
    }

    #[tokio::test]
    async fn a_round_that_waits_goes_on_when_the_rounds_are_cleared() {
        let rounds = Rounds::default();
        rounds.arm(Fault { at: 1, when: When::Before, action: Action::Hold });
        let clear = async {
            while rounds.shown()["stage"] != "held" {
                tokio::task::yield_now().await;
            }
            rounds.clear();
        };
        tokio::join!(rounds.hold(), clear);
        assert!(rounds.shown()["stage"].is_null());
        rounds.hold().await; // nothing is armed: it does not wait
    }
}
