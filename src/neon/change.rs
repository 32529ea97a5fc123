//! A change of a project: one at a time, settled by reading if its answer is lost, and over only when its operations are.

use super::client::Client;
use super::error::{Error, Kind};
use super::ids::ProjectId;
use super::operations::Operation;
use super::request::Request;
use super::retry::{self, Budget};

/// How often a change is sent whose answer is lost and which, as reading shows, was not made.
const SENDS: u32 = 3;

/// What the answer to a change says: the object, and the operations that bring it about.
pub(crate) type Changed<T> = (T, Vec<Operation>);

/// The turn to change one project. What reads share of it is dropped when the turn begins and when it ends.
#[derive(Debug)]
pub(crate) struct Turn {
    client: Client,
    project: ProjectId,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.client.cache().forget(&self.project);
    }
}

/// A change that the API has taken, whose operations still run.
///
/// It keeps the project's turn: another change of the same project waits until this value is waited for or dropped. Record what was made
/// before waiting, for the wait may fail or be cancelled.
#[derive(Debug)]
#[must_use = "the object is usable only when its operations have ended: wait for them"]
pub struct Pending<T> {
    value: T,
    operations: Vec<Operation>,
    turn: Turn,
}

impl<T> Pending<T> {
    /// The object as the answer had it.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The operations as the answer had them; none is normal.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Another value, the same operations.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Pending<U> {
        Pending { value: change(self.value), operations: self.operations, turn: self.turn }
    }

    /// Waits for the operations to their real end, in order. Errors: `OperationFailed`, `TimedOut`, `Cancelled`, or those of a read.
    pub async fn wait(self, budget: &Budget) -> Result<T, Error> {
        self.turn.client.wait_for(&self.turn.project, &self.operations, budget).await?;
        Ok(self.value)
    }
}

impl Client {
    /// Waits for the turn to change a project: Neon answers 423 to a change while the operations of another run.
    pub(crate) async fn turn(&self, project: &ProjectId, budget: &Budget) -> Result<Turn, Error> {
        let guard = budget.run(self.lock_of(project).lock_owned()).await.map_err(|ended| {
            Error::new(ended.kind(), ended.sentence())
                .context(format!("waiting for another change of project `{project}` by this provider"))
        })?;
        self.cache().forget(project);
        Ok(Turn { client: self.clone(), project: project.clone(), _guard: guard })
    }

    /// Sends a change. If its answer is lost, `settle` is read and `took_effect` says from it whether the change was made: with `Some` it
    /// was, with `None` it is sent again.
    pub(crate) async fn change<T, S>(
        &self,
        turn: Turn,
        request: &Request<Changed<T>>,
        settle: &Request<S>,
        took_effect: impl Fn(Result<S, Error>) -> Result<Option<T>, Error> + Send,
        budget: &Budget,
    ) -> Result<Pending<T>, Error> {
        let mut unsure = false;
        let mut sends = 0;
        loop {
            sends += 1;
            let sent = self.send_traced(request, budget).await;
            let error = match sent.result {
                Ok((value, operations)) => {
                    return Ok(Pending { value, operations, turn });
                }
                Err(error) => error,
            };
            unsure |= sent.unsure_before || retry::effect_unknown(request.method, &error);
            if !unsure {
                return Err(error);
            }
            let own_time = budget.for_settling();
            match took_effect(self.send(settle, &own_time).await) {
                Ok(Some(value)) => {
                    tracing::debug!(method = %request.method, path = %request.path, "the change was made although its answer was lost");
                    let operations = self.unfinished_or_none(&turn.project, &own_time).await;
                    return Ok(Pending { value, operations, turn });
                }
                Ok(None) => {}
                Err(settling) => {
                    return Err(error.context(format!("reading back what it did failed too ({settling})")));
                }
            }
            if error.kind() != Kind::AnswerLost || sends == SENDS {
                return Err(error);
            }
            if budget.sleep(retry::delay(sends, None, retry::jitter())).await.is_err() {
                return Err(error);
            }
        }
    }

    /// After a lost answer its operations are not known: all that run in the project are waited for instead.
    async fn unfinished_or_none(&self, project: &ProjectId, budget: &Budget) -> Vec<Operation> {
        match self.unfinished_operations(project, budget).await {
            Ok(operations) => operations,
            Err(error) => {
                tracing::warn!(%project, %error, "cannot list the operations of a change whose answer was lost");
                Vec::new()
            }
        }
    }
}
