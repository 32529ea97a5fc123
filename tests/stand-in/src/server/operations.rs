//! Operations as clients poll them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal, ok};
use crate::app::App;
use crate::operations::count_poll;

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET …/operations`: newest first.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>, Query(page): Query<Page>) -> Answer {
    let mut world = app.world();
    let Some(project) = world.project_mut(&project) else {
        return Err(Refusal::not_found("project"));
    };
    count_poll(&app, project, |_| true);
    let start: usize = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| Refusal::bad_request("cursor is not one of ours"))?,
        None => 0,
    };
    let limit = page.limit.unwrap_or(1000).clamp(1, 1000);
    let operations: Vec<_> =
        project.operations.iter().rev().skip(start).take(limit).map(crate::operations::Operation::shown).collect();
    let mut answer = json!({"operations": operations});
    if start + limit < project.operations.len() {
        answer["pagination"] = json!({"cursor": (start + limit).to_string()});
    }
    ok(answer)
}

/// `GET …/operations/{operation}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, id)): Path<(String, String)>) -> Answer {
    let mut world = app.world();
    let Some(project) = world.project_mut(&project) else {
        return Err(Refusal::not_found("project"));
    };
    count_poll(&app, project, |other| other == id);
    let found = project.operations.iter().find(|operation| operation.id == id);
    match found {
        Some(operation) => ok(json!({"operation": operation.shown()})),
        None => Err(Refusal::not_found("operation")),
    }
}
