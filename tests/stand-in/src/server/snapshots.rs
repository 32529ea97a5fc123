//! Snapshots of branches: each has data of its own, which outlive the branch. And the schedule of a branch, which is kept
//! as it was sent: no snapshot is taken by it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, member, object, ok};
use super::gate::Destined;
use super::{found, history};
use crate::app::App;
use crate::faults::Fate;
use crate::operations::{self, Effect, Link, Origin};
use crate::world::{Project, Snapshot};

/// What a schedule may say in `frequency`.
const FREQUENCIES: [&str; 5] = ["hourly", "daily", "weekly", "monthly", "yearly"];

/// The object.
fn shown(snapshot: &Snapshot) -> Value {
    let mut shown = json!({
        "id": snapshot.id,
        "name": snapshot.name,
        "source_branch_id": snapshot.source.id,
        "created_at": snapshot.created_at,
        "manual": true,
    });
    match &snapshot.lsn {
        Some(lsn) => shown["lsn"] = json!(lsn),
        None => shown["timestamp"] = json!(snapshot.timestamp),
    }
    if let Some(expires_at) = &snapshot.expires_at {
        shown["expires_at"] = json!(expires_at);
    }
    shown
}

/// The snapshot of that id.
pub(super) fn find<'p>(project: &'p mut Project, id: &str) -> Result<&'p mut Snapshot, Refusal> {
    let found = project.snapshots.iter_mut().find(|snapshot| snapshot.id == id);
    found.ok_or_else(|| Refusal::not_found("snapshot"))
}

/// `expires_at` as it was sent.
fn expiry(sent: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match sent.get("expires_at") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.parse::<Timestamp>().is_ok() => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad_request("[expires_at] must be an RFC 3339 time")),
    }
}

/// `POST …/branches/{branch}/snapshot`: what is wanted is in the query.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    Query(sent): Query<Map<String, Value>>,
    destined: Destined,
) -> Answer {
    found::branch(&app.world(), &project, &id)?;
    let wanted = history::Wanted::read(&sent, ["lsn", "timestamp"])?;
    let expires_at = expiry(&sent)?;
    app.take_over_catalogue(&project, &id).await;
    let moment = wanted.within(&app, &project, &id).await?;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let source = found::branch_mut(project, &id)?.clone();
    let time = wanted.time();
    let name = match sent.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => format!("{} at {time}", source.name),
    };
    let mut snapshot = Snapshot::new(&name, &source, time);
    snapshot.lsn = sent.get("lsn").and_then(Value::as_str).filter(|lsn| !lsn.is_empty()).map(str::to_owned);
    snapshot.expires_at = expires_at;
    let effect = Effect::Snapshot {
        id: snapshot.id.clone(),
        origin: Origin { source: id, moment, kept: None, before: None },
        roles: source.roles.values().cloned().collect(),
    };
    let chain = vec![Link::of_branch("create_branch", effect, &snapshot.source)];
    let shown = shown(&snapshot);
    project.snapshots.push(snapshot);
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"snapshot": shown, "operations": operations}))
}

/// `GET …/snapshots`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>) -> Answer {
    let world = app.world();
    let project = found::project(&world, &project)?;
    ok(json!({"snapshots": project.snapshots.iter().map(shown).collect::<Vec<_>>()}))
}

/// `PATCH …/snapshots/{snapshot}`: name, and expiry, which Neon's CLI sends though the document does not have it.
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let snapshot = find(found::changeable(&mut world, &project)?, &id)?;
    let sent = member(&body, "snapshot")?;
    if sent.contains_key("expires_at") {
        snapshot.expires_at = expiry(&sent)?;
    }
    if let Some(name) = sent.get("name").and_then(Value::as_str) {
        name.clone_into(&mut snapshot.name);
    }
    ok(json!({"snapshot": shown(snapshot)}))
}

/// `DELETE …/snapshots/{snapshot}`. Branches that were made from it stay.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let snapshot = find(project, &id)?.clone();
    let operations = remove(&app, project, &snapshot, destined.0);
    Ok((StatusCode::ACCEPTED, Json(json!({"operations": operations}))).into_response())
}

/// Takes the snapshot out of the project and schedules the end of its data.
pub(crate) fn remove(app: &Arc<App>, project: &mut Project, snapshot: &Snapshot, fate: Fate) -> Vec<Value> {
    project.snapshots.retain(|other| other.id != snapshot.id);
    let effect = Effect::Retire { asleep: Vec::new(), ended: vec![snapshot.id.clone()] };
    operations::schedule(app, project, vec![Link::of_branch("delete_timeline", effect, &snapshot.source)], fate)
}

/// `GET …/branches/{branch}/backup_schedule`.
pub(crate) async fn schedule(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    let world = app.world();
    ok(json!({"schedule": found::branch(&world, &project, &branch)?.1.schedule}))
}

/// `PUT …/branches/{branch}/backup_schedule`: the whole of it.
pub(crate) async fn set_schedule(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let branch = found::branch_mut(found::changeable(&mut world, &project)?, &branch)?;
    let Some(Value::Array(items)) = object(&body)?.remove("schedule") else {
        return Err(Refusal::bad_request("[body.schedule] must be an array"));
    };
    for item in &items {
        valid(item).map_err(|why| Refusal::bad_request(format!("[body.schedule] {why}: {item}")))?;
    }
    branch.schedule = items;
    ok(json!({}))
}

/// Whether an entry of a schedule is one.
fn valid(item: &Value) -> Result<(), &'static str> {
    if !item["frequency"].as_str().is_some_and(|frequency| FREQUENCIES.contains(&frequency)) {
        return Err("frequency must be hourly, daily, weekly, monthly or yearly");
    }
    let bounds = [("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("retention_seconds", 3600, i64::MAX)];
    let within = |(key, least, most): (&str, i64, i64)| {
        item[key].is_null() || item[key].as_i64().is_some_and(|value| (least..=most).contains(&value))
    };
    if bounds.into_iter().all(within) { Ok(()) } else { Err("a number is out of its range") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_a_frequency_and_numbers_in_their_ranges() {
        for (item, is_valid) in [
            (json!({"frequency": "daily", "hour": 23, "retention_seconds": 3600}), true),
            (json!({"frequency": "weekly", "day": 1}), true),
            (json!({"frequency": "sometimes"}), false),
            (json!({"hour": 1}), false),
            (json!({"frequency": "daily", "hour": 24}), false),
            (json!({"frequency": "monthly", "day": 0}), false),
            (json!({"frequency": "daily", "retention_seconds": 60}), false),
            (json!({"frequency": "daily", "hour": "3"}), false),
        ] {
            assert_eq!(valid(&item).is_ok(), is_valid, "{item}");
        }
    }

    #[test]
    fn an_expiry_is_a_time() {
        let read = |value: Value| expiry(json!({"expires_at": value}).as_object().expect("an object"));
        assert_eq!(read(Value::Null).expect("none"), None);
        assert_eq!(read(json!("2136-01-01T00:00:00Z")).expect("one").as_deref(), Some("2136-01-01T00:00:00Z"));
        assert!(read(json!("soon")).is_err() && read(json!(7)).is_err());
    }
}
