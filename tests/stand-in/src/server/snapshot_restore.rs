//! A branch from a snapshot, and how it takes the place of the one that it is to replace.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, object, ok};
use super::branches::{free, shown};
use super::gate::Destined;
use super::{endpoints, found, snapshots};
use crate::app::App;
use crate::operations::{Effect, Link, Origin};
use crate::world::{Branch, EndpointKind, EndpointState, Project, Restored};

/// `POST …/snapshots/{snapshot}/restore`: a new root branch without computes; `finalize_restore` gives it those of the target.
pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let sent = object(&body)?;
    let mut world = app.world();
    let limit = world.knobs.branches_limit;
    let project = found::changeable(&mut world, &project)?;
    let snapshot = snapshots::find(project, &id)?.clone();
    let target = match sent.get("target_branch_id").and_then(Value::as_str) {
        Some(target) => found::branch_mut(project, target)?.id.clone(),
        None => snapshot.source.id.clone(),
    };
    if project.branches.len() >= limit {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "branches limit exceeded"));
    }
    let mut branch = Branch::new("");
    branch.name = match sent.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => branch.id.clone(),
    };
    free(project, &branch.name, "")?;
    branch.inherit(&snapshot.source);
    branch.restored = Some(Restored { from: snapshot.id.clone(), instead_of: target.clone(), finalized: false });
    "init".clone_into(&mut branch.state);
    let new = branch.id.clone();
    let origin = Origin { source: snapshot.id, moment: None, kept: None, before: None };
    let mut chain = vec![Link::of_branch("create_branch", Effect::Branch(origin), &branch)];
    let finalize = sent.get("finalize_restore").and_then(Value::as_bool).unwrap_or_default();
    if finalize {
        replaceable(project, &target)?;
    }
    project.branches.push(branch);
    if finalize {
        chain.extend(take_place(project, &new, None)?);
    }
    let operations = endpoints::scheduled(&app, project, chain, destined);
    let branch = found::branch_mut(project, &new)?.clone();
    let endpoints = endpoints::of_branch(&app, &project.id, &branch);
    ok(json!({"branch": shown(project, &branch), "endpoints": endpoints, "operations": operations}))
}

/// `POST …/branches/{branch}/finalize_restore`.
pub(crate) async fn finalize(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let sent = object(&body)?;
    let name = sent.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    found::branch_mut(project, &id)?;
    let chain = take_place(project, &id, name)?;
    let operations = endpoints::scheduled(&app, project, chain, destined);
    ok(json!({"operations": operations}))
}

/// Whether another branch may take the place of that one.
fn replaceable(project: &Project, id: &str) -> Result<Branch, Refusal> {
    let target = project.branch(id).ok_or_else(|| Refusal::not_found("branch"))?;
    if target.protected {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot replace a protected branch"));
    }
    Ok(target.clone())
}

/// Gives the branch the name and the computes of the one that it replaces, which gets `name`. What it says happens to the
/// servers: all restart, replicas with the data of their new branch.
fn take_place(project: &mut Project, id: &str, name: Option<&str>) -> Result<Vec<Link>, Refusal> {
    let mut new = found::branch_mut(project, id)?.clone();
    let Some(restored) = new.restored.as_mut().filter(|restored| !restored.finalized) else {
        return Err(Refusal::bad_request("branch was not restored from a snapshot, or its restore is finalized"));
    };
    restored.finalized = true;
    let mut old = replaceable(project, &restored.instead_of)?;
    let name = name.map_or_else(|| format!("{}_old_{}", old.name, old.id), str::to_owned);
    free(project, &name, "")?;
    new.name = std::mem::replace(&mut old.name, name);
    std::mem::swap(&mut new.endpoints, &mut old.endpoints);
    for endpoint in new.endpoints.iter_mut().chain(&mut old.endpoints) {
        endpoint.turned(EndpointState::Idle);
    }
    if project.default_branch == old.id {
        project.default_branch.clone_from(&new.id);
    }
    let of_both = || [&new, &old].into_iter().flat_map(|it| it.endpoints.iter().map(move |endpoint| (it, endpoint)));
    let replicas = of_both().filter(|(_, endpoint)| endpoint.kind == EndpointKind::ReadOnly);
    let ended = replicas.map(|(_, endpoint)| endpoint.id.clone()).collect();
    let stop = Effect::Retire { asleep: vec![old.id.clone(), new.id.clone()], ended };
    let mut chain: Vec<_> = of_both()
        .take(1)
        .map(|(branch, endpoint)| Link::of_endpoint("suspend_compute", stop.clone(), branch, endpoint))
        .collect();
    let started = of_both().filter(|(_, endpoint)| !endpoint.disabled);
    chain.extend(started.map(|(branch, it)| Link::of_endpoint("start_compute", Effect::Start, branch, it)));
    // Each stands where the other one was: the first one is the root.
    for branch in &mut project.branches {
        if branch.id == new.id {
            *branch = old.clone();
        } else if branch.id == old.id {
            *branch = new.clone();
        }
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Endpoint, World};

    #[test]
    fn the_branch_takes_name_computes_and_default_once() {
        let mut world = World::new(17, false);
        let project = &mut world.projects[0];
        project.branches[0].endpoints.push(Endpoint::new(EndpointKind::ReadOnly));
        let (main, endpoint) = (project.branches[0].id.clone(), project.branches[0].endpoints[0].id.clone());
        assert_eq!(take_place(project, &main, None).map(|_| ()).expect_err("of no snapshot").status.as_u16(), 400);
        let mut branch = Branch::new("restored");
        branch.restored = Some(Restored { from: "snap-1".into(), instead_of: main.clone(), finalized: false });
        let id = branch.id.clone();
        project.branches.push(branch);
        project.branches[0].protected = true;
        assert_eq!(take_place(project, &id, None).map(|_| ()).expect_err("protected").status.as_u16(), 422);
        project.branches[0].protected = false;
        assert_eq!(take_place(project, &id, Some("main")).map(|_| ()).expect_err("a name taken").status.as_u16(), 409);
        assert_eq!(take_place(project, &id, Some("before")).expect("it may").len(), 3);
        assert_eq!(project.default_branch, id);
        let [new, old] = &project.branches[..] else { panic!("two branches") };
        assert_eq!((&new.id, new.name.as_str(), &new.endpoints[0].id), (&id, "main", &endpoint));
        assert_eq!((&old.id, old.name.as_str(), old.endpoints.len()), (&main, "before", 0));
        assert!(take_place(project, &id, None).is_err(), "it is finalized");
    }
}
