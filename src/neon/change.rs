//! A change of a project: one at a time, checked by a read if its answer is lost, and finished only when its operations are.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::error::{Error, Kind};
use super::ids::ProjectId;
use super::operation::{self, Changed, Effects, Operation, Verdict};
use super::request::Request;
use super::retry;
use super::transport::Transport;
use super::turn::{Turn, Turns};

/// How often a change is sent whose answer is lost and which, as a read shows, was not made.
pub(crate) const SENDS: u32 = 3;

/// First wait between two looks at an operation. Most take less than a second.
const FIRST_POLL: Duration = Duration::from_millis(200);

/// Longest wait between two looks.
const LONGEST_POLL: Duration = Duration::from_secs(5);

/// Sends changes. Clones share the transport and the turns.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pub(crate) transport: Transport,
    pub(crate) turns: Arc<Turns>,
}

/// A change that the API has accepted and whose operations still run.
///
/// It keeps the project's turn: another change of the same project waits until this value is waited for or dropped. Record what
/// was created before waiting, because the wait may fail or be cancelled.
#[derive(Debug)]
#[must_use = "the object is usable only when its operations have ended: wait for them"]
pub(crate) struct Pending<T> {
    value: T,
    operations: Vec<Operation>,
    changes: Changes,
    turn: Turn,
}

impl<T> Pending<T> {
    /// The object as the answer had it.
    pub(crate) fn value(&self) -> &T {
        &self.value
    }

    /// The operations as the answer had them. None is normal.
    #[cfg(test)]
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Waits until all operations have ended. Errors: `OperationFailed`, `TimedOut`, `Cancelled`, or those of a read.
    pub(crate) async fn wait(self, budget: &Budget) -> Result<T, Error> {
        self.changes.wait_for(self.turn.project(), &self.operations, budget).await?;
        Ok(self.value)
    }
}

impl Changes {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport, turns: Arc::default() }
    }

    /// Sends a change. If its answer is lost, `settle` is read, and `took_effect` says from it whether the change was made. If it
    /// was not, it is sent again.
    pub(crate) async fn send<T, S>(
        &self,
        turn: Turn,
        request: &Request<Changed<T>>,
        settle: &Request<S>,
        took_effect: impl Fn(Result<S, Error>) -> Result<Option<T>, Error> + Send,
        effects: &Effects<'_>,
        budget: &Budget,
    ) -> Result<Pending<T>, Error> {
        let mut unsure = false;
        let mut sends = 0;
        loop {
            sends += 1;
            let sent = self.transport.send_traced(request, budget).await;
            let error = match sent.result {
                Ok((value, operations)) => {
                    return Ok(Pending { value, operations, changes: self.clone(), turn });
                }
                Err(error) => error,
            };
            unsure |= sent.unsure_before || retry::effect_unknown(request.method, &error);
            if !unsure {
                return Err(error);
            }
            let own_time = budget.for_settling();
            match took_effect(self.transport.send(settle, &own_time).await) {
                Ok(Some(value)) => {
                    tracing::info!(method = %request.method, path = %request.path, "the change was made although its answer was lost");
                    let operations = self.operations_of(effects, turn.project(), &own_time).await;
                    return Ok(Pending { value, operations, changes: self.clone(), turn });
                }
                Ok(None) => {}
                Err(settling) => {
                    return Err(error.context(format!("a read to find out what it did failed too ({settling})")));
                }
            }
            if error.kind() != Kind::AnswerLost || sends == SENDS || request.once {
                return Err(error);
            }
            if budget.sleep(retry::delay(sends, None, retry::jitter())).await.is_err() {
                return Err(error);
            }
        }
    }

    /// The operations of a change whose answer is lost. Those of other people are neither waited for nor failed with.
    async fn operations_of(&self, effects: &Effects<'_>, project: &ProjectId, budget: &Budget) -> Vec<Operation> {
        match self.transport.send(&operation::list(project), budget).await {
            Ok(operations) => effects.among(operations),
            Err(error) => {
                tracing::warn!(%project, %error, "cannot list the operations of a change whose answer was lost");
                Vec::new()
            }
        }
    }

    /// Waits for the operations in their order: they form a chain, and the object is usable when the last has ended.
    async fn wait_for(&self, project: &ProjectId, operations: &[Operation], budget: &Budget) -> Result<(), Error> {
        for operation in operations {
            self.wait_for_one(project, operation.clone(), budget).await?;
        }
        Ok(())
    }

    async fn wait_for_one(&self, project: &ProjectId, mut operation: Operation, budget: &Budget) -> Result<(), Error> {
        let request = operation::get(project, &operation.id);
        let failed = |kind, text| self.transport.hide_secrets(Error::new(kind, text));
        let mut standstill = None;
        let mut pause = FIRST_POLL;
        loop {
            match operation::check(&operation, &mut standstill, Instant::now()) {
                Verdict::Done => return Ok(()),
                Verdict::Failed => {
                    return Err(failed(Kind::OperationFailed, operation.describe()));
                }
                Verdict::Pending => {}
            }
            if let Err(ended) = budget.sleep(pause).await {
                return Err(failed(ended.kind(), format!("{}, {}", operation.describe(), ended.sentence())));
            }
            pause = pause.mul_f64(1.5).min(LONGEST_POLL);
            operation = self.transport.send(&request, budget).await.map_err(|error| {
                self.transport.hide_secrets(error.context(format!("waiting while {}", operation.describe())))
            })?;
        }
    }
}
