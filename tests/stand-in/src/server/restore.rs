//! Restore of a branch: the data of another one, or of a moment of the past. Slots are gone, passwords stay.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, object, ok};
use super::branches::{free, shown};
use super::gate::Destined;
use super::{found, history};
use crate::app::App;
use crate::names;
use crate::operations::{self, Effect, Link, Origin};
use crate::world::{Branch, Project};

/// `POST …/branches/{branch}/restore`.
pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    found::branch(&app.world(), &project, &id)?;
    let sent = object(&body)?;
    let wanted = history::Wanted::read(&sent, ["source_lsn", "source_timestamp"])?;
    let preserve = sent.get("preserve_under_name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let Some(source) = sent.get("source_branch_id").and_then(Value::as_str) else {
        return Err(Refusal::bad_request("[body.source_branch_id] is required"));
    };
    let itself = source == id;
    if itself && !wanted.is_past() {
        return Err(Refusal::bad_request("source_timestamp or source_lsn is required to restore a branch to itself"));
    }
    if itself && preserve.is_none() {
        return Err(Refusal::bad_request("preserve_under_name is required to restore a branch to itself"));
    }
    app.take_over_catalogue(&project, source).await;
    let moment = wanted.within(&app, &project, source).await?;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let source = found::branch_mut(project, source)?.clone();
    if found::branch_mut(project, &id)?.protected {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot restore a protected branch"));
    }
    let as_it_was = Box::new(found::branch_mut(project, &id)?.clone());
    let kept = match preserve {
        Some(name) => Some(preserved(project, &id, name)?),
        None if project.has_children(&id) => {
            let message = "branch has children: preserve_under_name is required";
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
        }
        None => None,
    };
    let branch = found::branch_mut(project, &id)?;
    let before = std::mem::take(&mut branch.roles);
    branch.inherit(&source);
    for (name, role) in &mut branch.roles {
        // Passwords are the branch's own and outlive a restore.
        if let Some(own) = before.get(name) {
            role.password.clone_from(&own.password);
        }
    }
    // What a branch was before it was restored to its own past is its parent then; a root branch stays one.
    if let (true, Some(kept), Some(_)) = (itself, &kept, &branch.parent) {
        branch.parent = Some(kept.id.clone());
    }
    branch.parent_timestamp = Some(wanted.time());
    "resetting".clone_into(&mut branch.state);
    let now = names::now();
    (branch.updated_at, branch.last_reset_at) = (now.clone(), Some(now));
    let kept_id = kept.as_ref().map(|kept| kept.id.clone());
    let origin = Origin { source: source.id.clone(), moment, kept: kept_id, before: Some(as_it_was) };
    let mut chain = vec![Link::of_branch("create_branch", Effect::Branch(origin), branch)];
    chain.extend(kept.map(|kept| Link::of_branch("create_branch", Effect::Nothing, &kept)));
    let operations = operations::schedule(&app, project, chain, destined.0);
    let branch = found::branch_mut(project, &id)?.clone();
    ok(json!({"branch": shown(project, &branch), "operations": operations}))
}

/// A branch with what `id` is before its restore, without a compute; the children are its own from then on.
fn preserved(project: &mut Project, id: &str, name: &str) -> Result<Branch, Refusal> {
    free(project, name, "")?;
    let before = found::branch_mut(project, id)?.clone();
    let mut kept = Branch::new(name);
    kept.parent.clone_from(&before.parent);
    (kept.parent_lsn, kept.parent_timestamp) = (before.parent_lsn.clone(), before.parent_timestamp.clone());
    kept.inherit(&before);
    "init".clone_into(&mut kept.state);
    for child in project.branches.iter_mut().filter(|branch| branch.parent.as_deref() == Some(id)) {
        child.parent = Some(kept.id.clone());
    }
    project.branches.push(kept.clone());
    Ok(kept)
}
