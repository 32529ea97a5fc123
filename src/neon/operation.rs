//! Operations: the asynchronous work behind a change, which ones belong to a change, and when one has ended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::ids::{BranchId, EndpointId, OperationId, ProjectId};
use super::reply::shortened;
use super::request::{Method, Path, Request, json, or_default};

/// Neon may retry an operation that `failed` (Neon docs, "Operations"): without a change for this long, it has ended.
const GRACE: Duration = Duration::from_secs(30);

/// What the answer to a change says: the object, and the operations that the change has started.
pub(crate) type Changed<T> = (T, Vec<Operation>);

/// Where an operation stands. A value that this provider does not know counts as pending.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum OperationStatus {
    /// Waits to be started.
    Scheduling,
    Running,
    Finished,
    /// Ended with a failure, and may be retried by Neon.
    Failed,
    /// Ended with a terminal error.
    Error,
    /// Being cancelled.
    Cancelling,
    Cancelled,
    /// Not needed.
    Skipped,
    /// A value that this provider does not know.
    Other(String),
}

impl From<String> for OperationStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "scheduling" => Self::Scheduling,
            "running" => Self::Running,
            "finished" => Self::Finished,
            "failed" => Self::Failed,
            "error" => Self::Error,
            "cancelling" => Self::Cancelling,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            _ => Self::Other(text),
        }
    }
}

impl OperationStatus {
    /// As the API writes it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Scheduling => "scheduling",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Other(text) => text,
        }
    }
}

/// One operation (`Operation` of Neon's API document).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Operation {
    /// For Neon's support and console.
    pub id: OperationId,
    /// What it does, such as `apply_config`. A text, because the list grows.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// Where it stands.
    pub status: OperationStatus,
    /// Why it failed, for people.
    #[serde(default)]
    pub error: Option<String>,
    /// How often it failed so far.
    #[serde(default, deserialize_with = "or_default")]
    pub failures_count: i64,
    /// When it was requested.
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<Timestamp>,
    /// When it last changed (RFC 3339). Only compared.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// The branch it works on.
    #[serde(default)]
    pub branch_id: Option<BranchId>,
    /// The endpoint it works on.
    #[serde(default)]
    pub endpoint_id: Option<EndpointId>,
}

/// A time that cannot be read counts as absent.
fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|text| text.parse().ok()))
}

impl Operation {
    /// The sentence that names it in errors.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("operation `{}` ({}) is `{}`", self.id, self.action, self.status.as_str());
        if self.failures_count > 0 {
            text = format!("{text} after {} failures", self.failures_count);
        }
        if let Some(error) = self.error.as_deref().filter(|error| !error.is_empty()) {
            text = format!("{text}: {}", shortened(error.to_owned()));
        }
        text
    }
}

#[derive(Deserialize)]
struct One {
    operation: Operation,
}

#[derive(Deserialize)]
struct Many {
    operations: Vec<Operation>,
}

pub(crate) fn get(project: &ProjectId, operation: &OperationId) -> Request<Operation> {
    let path = Path::of("projects").id(project).word("operations").id(operation);
    Request::new(Method::Get, path, |answer| json(answer).map(|one: One| one.operation))
}

/// The newest operations of a project, newest first.
pub(crate) fn list(project: &ProjectId) -> Request<Vec<Operation>> {
    let path = Path::of("projects").id(project).word("operations");
    Request::new(Method::Get, path, |answer| json(answer).map(|many: Many| many.operations)).query("limit", "100")
}

/// What a change starts: by this its operations are told from those of other people after a lost answer.
#[derive(Clone, Debug)]
pub(crate) struct Effects<'a> {
    /// When the change was sent, by the API's clock.
    pub(crate) since: Timestamp,
    /// The branch it works on; `None` for a change of the whole project.
    pub(crate) branch: Option<&'a BranchId>,
    /// The endpoint it works on, if it is one only.
    pub(crate) endpoint: Option<&'a EndpointId>,
    /// The actions of `OperationAction` that it causes.
    pub(crate) actions: &'static [&'static str],
}

/// What a new role or password causes: the compute is told, and started and suspended for it if it slept.
pub(crate) const CONFIGURES: &[&str] = &["apply_config", "start_compute", "suspend_compute"];

/// What a restart causes.
pub(crate) const RESTARTS: &[&str] = &["suspend_compute", "start_compute"];

/// `Date` has whole seconds, and the answer that told the API's clock took a moment.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

impl Effects<'_> {
    /// Those of the operations that the change has started, oldest first. One without a time is another's.
    pub(crate) fn among(&self, operations: Vec<Operation>) -> Vec<Operation> {
        let mut ours = operations;
        ours.retain(|operation| self.include(operation));
        ours.reverse(); // a list begins with the newest, a chain with the oldest
        ours
    }

    pub(crate) fn include(&self, operation: &Operation) -> bool {
        let earliest = self.since.checked_sub(CLOCK_TOLERANCE).unwrap_or(self.since);
        operation.created_at.is_some_and(|created| created >= earliest)
            && self.branch.is_none_or(|branch| operation.branch_id.as_ref() == Some(branch))
            && self.endpoint.is_none_or(|endpoint| operation.endpoint_id.as_ref() == Some(endpoint))
            && self.actions.contains(&operation.action.as_str())
    }
}

/// What one look at an operation says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    Pending,
    Failed,
}

/// A `failed` operation, as it looked when it was first seen so.
#[derive(Debug)]
pub(crate) struct Standstill {
    since: Instant,
    failures_count: i64,
    updated_at: Option<String>,
}

/// Whether an operation has ended. `standstill` is kept from look to look.
pub(crate) fn check(operation: &Operation, standstill: &mut Option<Standstill>, now: Instant) -> Verdict {
    match operation.status {
        OperationStatus::Finished | OperationStatus::Skipped => Verdict::Done,
        OperationStatus::Error | OperationStatus::Cancelled => Verdict::Failed,
        OperationStatus::Failed => {
            let unchanged = standstill.as_ref().is_some_and(|seen| {
                seen.failures_count == operation.failures_count && seen.updated_at == operation.updated_at
            });
            if !unchanged {
                *standstill = Some(Standstill {
                    since: now,
                    failures_count: operation.failures_count,
                    updated_at: operation.updated_at.clone(),
                });
            }
            let waited = standstill.as_ref().map_or(Duration::ZERO, |seen| now.duration_since(seen.since));
            if waited >= GRACE { Verdict::Failed } else { Verdict::Pending }
        }
        OperationStatus::Scheduling
        | OperationStatus::Running
        | OperationStatus::Cancelling
        | OperationStatus::Other(_) => {
            *standstill = None;
            Verdict::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(status: &str, failures_count: i64, updated_at: &str) -> Operation {
        Operation {
            id: OperationId::parse("op-1").expect("legal"),
            action: "apply_config".to_owned(),
            status: OperationStatus::from(status.to_owned()),
            error: None,
            failures_count,
            created_at: None,
            updated_at: Some(updated_at.to_owned()),
            branch_id: None,
            endpoint_id: None,
        }
    }

    #[test]
    fn the_end_of_an_operation_by_its_status() {
        let now = Instant::now();
        for (status, verdict) in [
            ("scheduling", Verdict::Pending),
            ("running", Verdict::Pending),
            ("finished", Verdict::Done),
            ("failed", Verdict::Pending),
            ("error", Verdict::Failed),
            ("cancelling", Verdict::Pending),
            ("cancelled", Verdict::Failed),
            ("skipped", Verdict::Done),
            ("brand_new", Verdict::Pending),
        ] {
            assert_eq!(check(&operation(status, 0, "t"), &mut None, now), verdict, "{status}");
            assert_eq!(OperationStatus::from(status.to_owned()).as_str(), status);
        }
    }

    #[test]
    fn failed_is_the_end_only_after_thirty_seconds_without_change() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut seen = None;
        assert_eq!(check(&operation("failed", 1, "a"), &mut seen, start), Verdict::Pending);
        assert_eq!(check(&operation("failed", 1, "a"), &mut seen, after(29)), Verdict::Pending);
        assert_eq!(check(&operation("failed", 2, "b"), &mut seen, after(31)), Verdict::Pending, "Neon has tried again");
        assert_eq!(check(&operation("running", 2, "c"), &mut seen, after(70)), Verdict::Pending);
        assert_eq!(check(&operation("failed", 2, "b"), &mut seen, after(80)), Verdict::Pending, "it ran in between");
        assert_eq!(check(&operation("failed", 2, "b"), &mut seen, after(110)), Verdict::Failed);
    }

    #[test]
    fn the_operations_of_other_people_are_left_out() {
        let since: Timestamp = "2026-11-26T12:00:00.5Z".parse().expect("a time");
        let branch = BranchId::parse("br-1").expect("legal");
        let effects = Effects { since, branch: Some(&branch), endpoint: None, actions: CONFIGURES };
        let listed = |id: &str, branch: &str, action: &str, created: &str| -> Operation {
            let text = format!(
                r#"{{"id":"{id}","branch_id":"{branch}","action":"{action}","status":"running","created_at":"{created}"}}"#
            );
            serde_json::from_str(&text).expect("an operation")
        };
        let untimed: Operation = serde_json::from_str(
            r#"{"id":"untimed","branch_id":"br-1","action":"apply_config","status":"running","created_at":"soon"}"#,
        )
        .expect("an operation");
        let found = effects.among(vec![
            listed("later", "br-1", "suspend_compute", "2026-11-26T12:00:09Z"),
            listed("other-branch", "br-2", "apply_config", "2026-11-26T12:00:01Z"),
            listed("other-action", "br-1", "check_availability", "2026-11-26T12:00:01Z"),
            untimed,
            listed("ours", "br-1", "apply_config", "2026-11-26T12:00:00Z"),
            listed("before", "br-1", "apply_config", "2026-11-26T11:59:57Z"),
        ]);
        assert_eq!(found.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["ours", "later"]);
        let endpoint = EndpointId::parse("ep-1").expect("legal");
        let restart = Effects { since, branch: None, endpoint: Some(&endpoint), actions: RESTARTS };
        assert!(restart.among(vec![listed("no-endpoint", "br-1", "start_compute", "2026-11-26T12:00:09Z")]).is_empty());
    }

    #[test]
    fn an_operation_is_read_leniently_and_named_fully() {
        let read: Operation = serde_json::from_str(
            r#"{"id":"a-1","action":"apply_config","status":"error","error":"no space","failures_count":3,"x":[1]}"#,
        )
        .expect("an operation");
        assert_eq!(read.describe(), "operation `a-1` (apply_config) is `error` after 3 failures: no space");
    }

    #[test]
    fn requests() {
        let project = ProjectId::parse("p-1").expect("legal");
        let id = OperationId::parse("op-1").expect("legal");
        assert_eq!(format!("{:?}", get(&project, &id)), "GET /projects/p-1/operations/op-1");
        assert_eq!(format!("{:?}", list(&project)), "GET /projects/p-1/operations?limit=100");
    }
}
