//! Operations: the asynchronous work behind a change. Each is waited for to its real end.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::client::Client;
use super::error::{Error, Kind};
use super::ids::{BranchId, EndpointId, OperationId, ProjectId};
use super::request::{Method, Path, Request, json};
use super::retry::Budget;

/// First wait between two looks at an operation; most of Neon's take less than a second.
const FIRST_POLL: Duration = Duration::from_millis(200);

/// Longest wait between two looks.
const LONGEST_POLL: Duration = Duration::from_secs(5);

/// `failed` may be tried again by Neon: this long without any change it is taken as the end (`neon-2026-09.md` 2).
const GRACE: Duration = Duration::from_secs(30);

/// Where an operation stands; a value unknown to us counts as pending.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// Waits for its turn.
    Scheduling,
    /// At work.
    Running,
    /// Done.
    Finished,
    /// Ended with a failure, may be tried again by Neon.
    Failed,
    /// Ended with a terminal error.
    Error,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Cancelled,
    /// Not needed; as good as done.
    Skipped,
    /// A value newer than this provider.
    Other(String),
}

impl From<String> for Status {
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

impl Status {
    /// As the API writes it.
    pub fn as_str(&self) -> &str {
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

    /// Whether work is still to be expected. `failed` is history as far as a list is concerned.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self, Self::Scheduling | Self::Running | Self::Cancelling | Self::Other(_))
    }
}

/// One operation (`neon.md` A.4).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Operation {
    /// Its id, for Neon's support and console.
    pub id: OperationId,
    /// What it does, such as `apply_config`; the list grows, so it is a text.
    #[serde(default)]
    pub action: String,
    /// Where it stands.
    pub status: Status,
    /// Why it failed, for people.
    #[serde(default)]
    pub error: Option<String>,
    /// How often it failed so far.
    #[serde(default)]
    pub failures_count: i64,
    /// When it last changed (RFC 3339); only compared.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// The branch it works on.
    #[serde(default)]
    pub branch_id: Option<BranchId>,
    /// The endpoint it works on.
    #[serde(default)]
    pub endpoint_id: Option<EndpointId>,
}

impl Operation {
    /// The sentence that names it in errors.
    fn describe(&self) -> String {
        let mut text = format!("operation `{}` ({}) is `{}`", self.id, self.action, self.status.as_str());
        if self.failures_count > 0 {
            text = format!("{text} after {} failures", self.failures_count);
        }
        if let Some(error) = self.error.as_deref().filter(|error| !error.is_empty()) {
            text = format!("{text}: {error}");
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

/// The newest operations of a project.
pub(crate) fn list(project: &ProjectId) -> Request<Vec<Operation>> {
    let path = Path::of("projects").id(project).word("operations");
    Request::new(Method::Get, path, |answer| json(answer).map(|many: Many| many.operations)).query("limit", "100")
}

/// What to make of one look at an operation.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    Pending,
    Failed,
}

/// A `failed` operation, as it looked when it was first seen so.
#[derive(Debug)]
struct Standstill {
    since: Instant,
    failures_count: i64,
    updated_at: Option<String>,
}

fn judge(operation: &Operation, standstill: &mut Option<Standstill>, now: Instant) -> Verdict {
    match operation.status {
        Status::Finished | Status::Skipped => Verdict::Done,
        Status::Error | Status::Cancelled => Verdict::Failed,
        Status::Failed => {
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
        Status::Scheduling | Status::Running | Status::Cancelling | Status::Other(_) => {
            *standstill = None;
            Verdict::Pending
        }
    }
}

impl Client {
    /// Waits for the operations of one answer in their order: they form a chain, and the object is usable when the last has ended.
    pub async fn wait_for(&self, project: &ProjectId, operations: &[Operation], budget: &Budget) -> Result<(), Error> {
        for operation in operations {
            self.wait_for_one(project, operation.clone(), budget).await?;
        }
        Ok(())
    }

    async fn wait_for_one(&self, project: &ProjectId, mut operation: Operation, budget: &Budget) -> Result<(), Error> {
        let request = get(project, &operation.id);
        let mut standstill = None;
        let mut pause = FIRST_POLL;
        loop {
            match judge(&operation, &mut standstill, Instant::now()) {
                Verdict::Done => return Ok(()),
                Verdict::Failed => {
                    return Err(Error::new(Kind::OperationFailed, operation.describe()));
                }
                Verdict::Pending => {}
            }
            budget
                .sleep(pause)
                .await
                .map_err(|ended| Error::new(ended.kind(), format!("{}, {}", operation.describe(), ended.sentence())))?;
            pause = pause.mul_f64(1.5).min(LONGEST_POLL);
            operation = self
                .send(&request, budget)
                .await
                .map_err(|error| error.context(format!("waiting while {}", operation.describe())))?;
        }
    }

    /// The operations that are under way in a project.
    pub async fn unfinished_operations(&self, project: &ProjectId, budget: &Budget) -> Result<Vec<Operation>, Error> {
        let mut operations = self.send(&list(project), budget).await?;
        operations.retain(|operation| operation.status.is_under_way());
        operations.reverse(); // newest first in the answer, a chain begins with the oldest
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(status: &str, failures_count: i64, updated_at: &str) -> Operation {
        Operation {
            id: OperationId::parse("op-1").expect("legal"),
            action: "apply_config".to_owned(),
            status: Status::from(status.to_owned()),
            error: None,
            failures_count,
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
            assert_eq!(judge(&operation(status, 0, "t"), &mut None, now), verdict, "{status}");
            assert_eq!(Status::from(status.to_owned()).as_str(), status);
        }
    }

    #[test]
    fn failed_is_the_end_only_after_thirty_seconds_without_change() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut seen = None;
        assert_eq!(judge(&operation("failed", 1, "a"), &mut seen, start), Verdict::Pending);
        assert_eq!(judge(&operation("failed", 1, "a"), &mut seen, after(29)), Verdict::Pending);
        assert_eq!(judge(&operation("failed", 2, "b"), &mut seen, after(31)), Verdict::Pending, "Neon has tried again");
        assert_eq!(judge(&operation("running", 2, "c"), &mut seen, after(70)), Verdict::Pending);
        assert_eq!(judge(&operation("failed", 2, "b"), &mut seen, after(80)), Verdict::Pending, "it ran in between");
        assert_eq!(judge(&operation("failed", 2, "b"), &mut seen, after(110)), Verdict::Failed);
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
