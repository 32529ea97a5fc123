//! What a handler gets beside its values: the provider's data, time, cancellation, private state, warnings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model;
use crate::private::Private;
use crate::value::Value;

/// The context of one call. Cheap to clone; may be moved into a task.
pub struct Context<D> {
    inner: Arc<Inner<D>>,
    applies: bool,
}

struct Inner<D> {
    data: Arc<D>,
    deadline: Instant,
    timeout: Duration,
    cancelled: CancellationToken,
    private: Mutex<Private>,
    warnings: Mutex<Diagnostics>,
    checkpoint: Mutex<Option<Value>>,
    config: Value,
    progress: Option<Arc<Progress>>,
}

/// Takes the lines by which an action tells how far it is.
pub type Progress = dyn Fn(&str) + Send + Sync;

impl<D> Clone for Context<D> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), applies: self.applies }
    }
}

/// A lock whose holder panicked still guards whole data here: each write is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D> Context<D> {
    /// A context for one call, which may take `timeout` from now.
    pub fn new(data: Arc<D>, timeout: Duration, cancelled: CancellationToken, private: Private) -> Self {
        Self {
            inner: Arc::new(Inner {
                data,
                deadline: Instant::now() + timeout,
                timeout,
                cancelled,
                private: Mutex::new(private),
                warnings: Mutex::default(),
                checkpoint: Mutex::default(),
                config: Value::Null,
                progress: None,
            }),
            applies: false,
        }
    }

    /// The same for a call that applies a change.
    #[must_use]
    pub fn for_apply(self) -> Self {
        Self { applies: true, ..self }
    }

    /// Whether the call applies a change. Otherwise it belongs to a plan or a refresh, and the user waits for an answer.
    pub fn applies(&self) -> bool {
        self.applies
    }

    /// The same context with the configuration of the object. For the framework, before anyone has a copy.
    pub(crate) fn with_config(mut self, config: Value) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.config = config;
        }
        self
    }

    /// The same context for an action, which tells how far it is. For the framework, before anyone has a copy.
    pub(crate) fn with_progress(mut self, progress: Arc<Progress>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.progress = Some(progress);
        }
        self
    }

    /// Tells the user how far an action is, in one line. Elsewhere nobody hears it.
    pub fn progress(&self, text: &str) {
        if let Some(progress) = &self.inner.progress {
            progress(text);
        }
    }

    /// What the user wrote of the object that is created or updated: without defaults, and with its write-only values,
    /// which neither plan nor state have. An error in a read or a delete, which have no configuration.
    pub fn config<M: DeserializeOwned>(&self) -> Result<M, Diagnostics> {
        if self.inner.config.is_null() {
            return Err(Diagnostic::bug("The configuration was asked for where Terraform gives none.").into());
        }
        model::from_value(&self.inner.config).map_err(|error| {
            // The message may repeat a write-only value.
            Diagnostic::bug("The configuration does not fit its model.").at(error.path).into()
        })
    }

    /// What the provider's configuration made.
    pub fn data(&self) -> &Arc<D> {
        &self.inner.data
    }

    /// When the call must be over: the resource's timeout.
    pub fn deadline(&self) -> Instant {
        self.inner.deadline
    }

    /// The resource's timeout, for messages.
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// Fires when the user interrupts the run: end waits, keep what was made.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.inner.cancelled
    }

    /// Tells the user something without failing.
    pub fn warn(&self, warning: Diagnostic) {
        lock(&self.inner.warnings).push(warning);
    }

    /// The private state, as it is now.
    pub fn private(&self) -> Private {
        lock(&self.inner.private).clone()
    }

    /// Keeps a value in private state. In a plan's check it is kept for the apply of that plan: an update or a delete
    /// finds it beside what there was, a create finds it alone.
    pub fn set_private<T: Serialize>(&self, key: &str, value: &T) {
        lock(&self.inner.private).set(key, value);
    }

    /// Forgets a key of the private state.
    pub fn remove_private(&self, key: &str) {
        lock(&self.inner.private).remove(key);
    }

    /// Keeps what exists by now: should the handler fail from here on, this is the state (tainted on create), so
    /// that nothing is orphaned. Unknown values in it become null.
    pub fn checkpoint<M: Serialize>(&self, model: &M) {
        match model::to_value(model) {
            Ok(value) => *lock(&self.inner.checkpoint) = Some(value),
            Err(error) => self.warn(Diagnostic::bug(error)),
        }
    }

    /// Takes the checkpoint back: what it kept was undone.
    pub fn forget_checkpoint(&self) {
        *lock(&self.inner.checkpoint) = None;
    }

    /// The last checkpoint.
    pub(crate) fn take_checkpoint(&self) -> Option<Value> {
        lock(&self.inner.checkpoint).take()
    }

    /// The warnings so far.
    pub(crate) fn take_warnings(&self) -> Diagnostics {
        std::mem::take(&mut *lock(&self.inner.warnings))
    }
}
