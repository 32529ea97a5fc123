//! Operations as clients poll them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal, ok};
use super::projects::known;
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
    known(&world, &project)?;
    count_poll(&app, &mut world, |_| true);
    let start: usize = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| Refusal::bad_request("cursor is not one of ours"))?,
        None => 0,
    };
    let limit = page.limit.unwrap_or(1000).clamp(1, 1000);
    let operations: Vec<_> =
        world.operations.iter().rev().skip(start).take(limit).map(|operation| operation.shown(&world)).collect();
    let mut answer = json!({"operations": operations});
    if start + limit < world.operations.len() {
        answer["pagination"] = json!({"cursor": (start + limit).to_string()});
    }
    ok(answer)
}

/// `GET …/operations/{operation}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, id)): Path<(String, String)>) -> Answer {
    let mut world = app.world();
    known(&world, &project)?;
    count_poll(&app, &mut world, |other| other == id);
    let found = world.operations.iter().find(|operation| operation.id == id);
    match found {
        Some(operation) => ok(json!({"operation": operation.shown(&world)})),
        None => Err(Refusal::not_found("operation")),
    }
}
