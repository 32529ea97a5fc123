//! The schema of a branch, now or at a moment of its past, and what differs between two.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::answer::{Answer, Refusal, ok};
use super::found;
use super::history::Wanted;
use crate::app::App;
use crate::compute::ServerState;
use crate::postgres::dump;

/// The query, as the members of a body.
type Sent = Query<Map<String, Value>>;

/// `GET …/branches/{branch}/schema`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    Query(sent): Sent,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    if sent.get("format").and_then(Value::as_str).is_some_and(|format| format != "sql") {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "the stand-in gives a schema as SQL only"));
    }
    let wanted = Wanted::read(&sent, ["lsn", "timestamp"])?;
    ok(json!({"sql": schema(&app, &project, &branch, database(&sent)?, wanted).await?}))
}

/// `GET …/branches/{branch}/compare_schema`: from the base to the branch, as a unified diff.
pub(crate) async fn compare(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    Query(sent): Sent,
) -> Answer {
    let parent = found::branch(&app.world(), &project, &branch)?.1.parent.clone();
    let base = match sent.get("base_branch_id").and_then(Value::as_str) {
        Some(base) => base.to_owned(),
        None => parent.ok_or_else(|| Refusal::bad_request("base_branch_id is required: the branch has no parent"))?,
    };
    found::branch(&app.world(), &project, &base)?;
    let database = database(&sent)?;
    let wanted = Wanted::read(&sent, ["lsn", "timestamp"])?;
    let wanted_base = Wanted::read(&sent, ["base_lsn", "base_timestamp"])?;
    let before = schema(&app, &project, &base, database, wanted_base).await?;
    let after = schema(&app, &project, &branch, database, wanted).await?;
    let diff = TextDiff::from_lines(&before, &after);
    let header = |branch: &str| format!("Database: {database}\t(Branch: {branch})");
    ok(json!({"diff": diff.unified_diff().header(&header(&base), &header(&branch)).to_string()}))
}

fn database(sent: &Map<String, Value>) -> Result<&str, Refusal> {
    sent.get("db_name").and_then(Value::as_str).ok_or_else(|| Refusal::bad_request("db_name is required"))
}

async fn schema(app: &App, project: &str, id: &str, database: &str, wanted: Wanted) -> Result<String, Refusal> {
    let moment = wanted.within(app, project, id).await?;
    let major = found::project(&app.world(), project)?.major;
    let found = dump::version().await;
    if found.is_none_or(|found| found < major) {
        let found = found.map_or("none is there".to_owned(), |found| format!("{found} is there"));
        let message = format!("the stand-in needs pg_dump {major} or newer on its PATH for a schema; {found}");
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    let compute = app.compute(id)?;
    let asleep = compute.state() == ServerState::Asleep;
    if asleep {
        app.wake(id).await?;
    }
    let dumped = match moment {
        None => dump::schema(&compute.access, database).await,
        Some(moment) => {
            let then = compute.branch(&app.lab, app.wal_level(project), &[], Some(moment), None).await?;
            let dumped = dump::schema(&then.access, database).await;
            then.halt(ServerState::Stopped, true).await?;
            then.remove_files();
            dumped
        }
    };
    if asleep {
        app.halt(id, ServerState::Asleep, false).await?;
    }
    match dumped {
        Ok(schema) => Ok(schema),
        Err(error) if format!("{error:#}").contains("does not exist") => Err(Refusal::not_found("database")),
        Err(error) => Err(error.into()),
    }
}
