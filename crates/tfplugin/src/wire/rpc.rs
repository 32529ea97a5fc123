//! One call from its first log line to its last: a span with Terraform's keys, and a panic turned into a diagnostic.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, error, error_span, trace, warn};

use crate::wire::generated::tfplugin6::{self as proto, diagnostic::Severity};
use crate::wire::translate;

/// What a call is about, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// The provider as a whole.
    Provider,
    /// A resource type.
    Resource(&'a str),
    /// A data source type.
    DataSource(&'a str),
    /// An ephemeral resource type.
    Ephemeral(&'a str),
    /// An action type.
    Action(&'a str),
    /// The type of a resource that is listed.
    List(&'a str),
    /// A function.
    Function(&'a str),
}

/// An answer of Terraform's protocol, nearly all of which carry their problems along.
pub(super) trait Answer: Send + 'static {
    /// The messages.
    fn diagnostics(&self) -> &[proto::Diagnostic];
    /// Says that the handler panicked.
    fn panicked(&mut self, text: &str);
}

macro_rules! answers {
    ($($call:ident),*) => {
        $(impl Answer for proto::$call::Response {
            fn diagnostics(&self) -> &[proto::Diagnostic] {
                &self.diagnostics
            }

            fn panicked(&mut self, text: &str) {
                self.diagnostics.push(translate::panicked(text));
            }
        })*
    };
}

answers!(
    get_metadata,
    get_provider_schema,
    validate_provider_config,
    validate_resource_config,
    validate_data_resource_config,
    configure_provider,
    upgrade_resource_state,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    move_resource_state,
    read_data_source,
    get_resource_identity_schemas,
    upgrade_resource_identity,
    get_functions,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    validate_action_config,
    plan_action,
    validate_list_resource_config
);

impl Answer for proto::stop_provider::Response {
    fn diagnostics(&self) -> &[proto::Diagnostic] {
        &[]
    }

    /// Stopping is advisory: Terraform ignores the answer, and the log has the panic.
    fn panicked(&mut self, _: &str) {}
}

impl Answer for proto::call_function::Response {
    fn diagnostics(&self) -> &[proto::Diagnostic] {
        &[]
    }

    fn panicked(&mut self, text: &str) {
        self.error = Some(proto::FunctionError { text: translate::panicked(text).detail, function_argument: None });
    }
}

/// Makes the ids that join the lines of one call.
pub(super) struct RequestIds {
    seed: RandomState,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids unlike those of other processes.
    pub(super) fn new() -> Self {
        Self { seed: RandomState::new(), next: AtomicU64::new(0) }
    }

    /// An id in the form of a UUID, as other providers log it.
    fn next(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (self.seed.hash_one((0, count)), self.seed.hash_one((1, count)));
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// The span of a call. Its level is the highest, so that it exists wherever any line does.
pub(super) fn span(rpc: &'static str, subject: Subject<'_>, address: &str, ids: &RequestIds) -> Span {
    let span = error_span!(
        "rpc",
        tf_rpc = rpc,
        tf_req_id = Empty,
        tf_provider_addr = address,
        tf_proto_version = "6.11",
        tf_resource_type = Empty,
        tf_data_source_type = Empty,
        tf_ephemeral_resource_type = Empty,
        tf_action_type = Empty,
        tf_list_resource_type = Empty,
        tf_function_name = Empty
    );
    if !span.is_disabled() {
        span.record("tf_req_id", ids.next());
        match subject {
            Subject::Provider => {}
            Subject::Resource(name) => drop(span.record("tf_resource_type", name)),
            Subject::DataSource(name) => drop(span.record("tf_data_source_type", name)),
            Subject::Ephemeral(name) => drop(span.record("tf_ephemeral_resource_type", name)),
            Subject::Action(name) => drop(span.record("tf_action_type", name)),
            Subject::List(name) => drop(span.record("tf_list_resource_type", name)),
            Subject::Function(name) => drop(span.record("tf_function_name", name)),
        }
    }
    span
}

/// Runs a call. If it panics the answer is what `otherwise` gives, and a diagnostic: to the parent a panic is nothing
/// but a cancelled request.
pub(super) async fn run<T: Answer>(
    span: Span,
    work: impl Future<Output = T> + Send,
    otherwise: impl FnOnce() -> T + Send,
) -> T {
    async {
        let started = Instant::now();
        trace!("call received");
        let answer = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
            let mut answer = otherwise();
            answer.panicked(text_of(&*panic));
            answer
        });
        log_answer(&answer, started);
        answer
    }
    .instrument(span)
    .await
}

/// Runs a call that changes something to its end, also when the request is dropped in the middle: the outcome is then
/// in the log, and what the provider keeps in memory knows of it.
pub(super) async fn run_to_the_end<T: Answer>(
    span: Span,
    under_way: &UnderWay,
    work: impl Future<Output = T> + Send + 'static,
    otherwise: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let entry = under_way.enter();
    let (hand_over, answered) = oneshot::channel();
    tokio::spawn(async move {
        let answer = run(span.clone(), work, otherwise).await;
        if hand_over.send(answer).is_err() {
            span.in_scope(|| {
                warn!("Terraform dropped the request before its end; the change was carried through all the same");
            });
        }
        drop(entry);
    });
    // Nothing is answered only when the runtime itself has ended.
    answered.await.ok()
}

fn log_answer(answer: &impl Answer, started: Instant) {
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let of = |severity: Severity| answer.diagnostics().iter().filter(|it| it.severity() == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    for diagnostic in answer.diagnostics() {
        let attribute = diagnostic.attribute.as_ref().map(translate::path_text).unwrap_or_default();
        let (summary, detail) = (diagnostic.summary.as_str(), diagnostic.detail.as_str());
        if diagnostic.severity() == Severity::Error {
            error!(
                diagnostic_severity = "ERROR",
                diagnostic_summary = summary,
                diagnostic_detail = detail,
                diagnostic_attribute = attribute,
                "answer contains an error"
            );
        } else {
            warn!(
                diagnostic_severity = "WARNING",
                diagnostic_summary = summary,
                diagnostic_detail = detail,
                diagnostic_attribute = attribute,
                "answer contains a warning"
            );
        }
    }
    debug!(
        tf_req_duration_ms = milliseconds,
        diagnostic_error_count = errors,
        diagnostic_warning_count = warnings,
        "call answered"
    );
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Counts the calls that change something and have not ended.
#[derive(Clone, Debug)]
pub(crate) struct UnderWay(watch::Sender<usize>);

/// Counts as one call as long as it lives.
struct Entry(watch::Sender<usize>);

impl UnderWay {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    fn enter(&self) -> Entry {
        self.0.send_modify(|count| *count += 1);
        Entry(self.0.clone())
    }

    /// Waits until no call is left.
    pub(crate) async fn ended(&self) {
        // The sender lives in `self`, so the channel is open.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    type Applied = proto::apply_resource_change::Response;

    fn with_private(text: &str) -> Applied {
        Applied { private: text.into(), ..Applied::default() }
    }

    #[tokio::test]
    async fn a_panic_is_a_diagnostic_on_the_fallback() {
        let answer = run(Span::none(), async { panic!("index {}", 3) }, || with_private("kept")).await;
        assert_eq!(answer.private, b"kept");
        assert_eq!(answer.diagnostics.len(), 1);
        assert_eq!(answer.diagnostics[0].severity(), Severity::Error);
        assert!(answer.diagnostics[0].detail.contains("index 3"), "{:?}", answer.diagnostics);
    }

    #[tokio::test]
    async fn a_change_goes_on_when_its_request_is_dropped() {
        let (under_way, go_on, done) = (UnderWay::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (wait, tell) = (Arc::clone(&go_on), Arc::clone(&done));
        let work = async move {
            wait.notified().await;
            tell.notify_one();
            Applied::default()
        };
        let request = run_to_the_end(Span::none(), &under_way, work, Applied::default);
        // Begun, then dropped: what is ready wins.
        tokio::select! {
            biased;
            _ = request => panic!("answered before it could"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(*under_way.0.borrow(), 1);
        go_on.notify_one();
        done.notified().await;
        under_way.ended().await;
        assert_eq!(*under_way.0.borrow(), 0);
    }

    #[test]
    fn ids_differ_and_look_like_uuids() {
        let ids = RequestIds::new();
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
        assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
