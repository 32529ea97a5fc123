//! Endpoints: a branch has at most one that writes; it really starts and stops its server, and a replica has its own.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, created, member, nothing, ok};
use super::found;
use super::gate::Destined;
use super::projects::overlay;
use crate::app::App;
use crate::names;
use crate::operations::{self, Effect, Link};
use crate::postgres::tls::HOST;
use crate::world::{Branch, Endpoint, EndpointKind, EndpointState, Project, REGION};

/// Members that create and update take as they are.
const TAKEN: [&str; 6] = [
    "autoscaling_limit_min_cu",
    "autoscaling_limit_max_cu",
    "suspend_timeout_seconds",
    "settings",
    "name",
    "provisioner",
];

fn text(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Init => "init",
        EndpointState::Active => "active",
        EndpointState::Idle => "idle",
    }
}

/// The object.
pub(crate) fn shown(app: &App, project: &str, branch: &str, endpoint: &Endpoint) -> Value {
    let mut shown = json!({
        "id": endpoint.id,
        "host": format!("{}:{}", app.host, endpoint.ports.direct),
        "project_id": project,
        "branch_id": branch,
        "region_id": REGION,
        "type": match endpoint.kind {
            EndpointKind::ReadWrite => "read_write",
            EndpointKind::ReadOnly => "read_only",
        },
        "current_state": text(endpoint.state),
        "autoscaling_limit_min_cu": 0.25,
        "autoscaling_limit_max_cu": 2,
        "suspend_timeout_seconds": 0,
        "settings": {"pg_settings": {}},
        "pooler_enabled": false,
        "pooler_mode": "transaction",
        "passwordless_access": true,
        "provisioner": "k8s-neonvm",
        "proxy_host": HOST,
        "creation_source": "console",
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    });
    overlay(&mut shown, &endpoint.patched);
    shown["disabled"] = json!(endpoint.disabled);
    for (key, value) in [("started_at", &endpoint.started_at), ("suspended_at", &endpoint.suspended_at)] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    if let Some(pending) = endpoint.pending {
        shown["pending_state"] = json!(text(pending));
    }
    shown
}

/// All of a branch.
pub(crate) fn of_branch(app: &App, project: &str, branch: &Branch) -> Vec<Value> {
    branch.shown_endpoints().iter().map(|endpoint| shown(app, project, &branch.id, endpoint)).collect()
}

/// `GET …/endpoints`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>) -> Answer {
    let world = app.world();
    let project = found::project(&world, &project)?;
    let all: Vec<_> = project.branches.iter().flat_map(|branch| of_branch(&app, &project.id, branch)).collect();
    ok(json!({"endpoints": all}))
}

/// `GET …/branches/{branch}/endpoints`.
pub(crate) async fn list_of_branch(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
) -> Answer {
    let world = app.world();
    let (project, branch) = found::branch(&world, &project, &branch)?;
    ok(json!({"endpoints": of_branch(&app, &project.id, branch)}))
}

/// `GET …/endpoints/{endpoint}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, id)): Path<(String, String)>) -> Answer {
    let world = app.world();
    let (branch, endpoint) = found::endpoint(found::project(&world, &project)?, &id)?;
    ok(json!({"endpoint": shown(&app, &project, &branch.id, endpoint)}))
}

/// A new endpoint by what was sent, with its ports.
pub(crate) fn new(app: &Arc<App>, branch: &Branch, sent: &Map<String, Value>) -> Result<Endpoint, Refusal> {
    let kind = match sent.get("type").and_then(Value::as_str) {
        None | Some("read_write") => EndpointKind::ReadWrite,
        Some("read_only") => EndpointKind::ReadOnly,
        Some(_) => return Err(Refusal::bad_request("[body.endpoint.type] must be read_write or read_only")),
    };
    if kind == EndpointKind::ReadWrite && branch.read_write().is_some() {
        return Err(Refusal::new(StatusCode::CONFLICT, "read_write endpoint already exists"));
    }
    let mut endpoint = Endpoint::new(kind);
    endpoint.ports = app.open_endpoint(&endpoint.id, 0)?;
    take(&mut endpoint, sent);
    Ok(endpoint)
}

fn take(endpoint: &mut Endpoint, sent: &Map<String, Value>) {
    if let Some(disabled) = sent.get("disabled").and_then(Value::as_bool) {
        endpoint.disabled = disabled;
    }
    for key in TAKEN {
        if let Some(value) = sent.get(key) {
            endpoint.patched.insert(key.to_owned(), value.clone());
        }
    }
    endpoint.updated_at = names::now();
}

/// `POST …/endpoints`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path(project): Path<String>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let sent = member(&body, "endpoint")?;
    let Some(branch) = sent.get("branch_id").and_then(Value::as_str) else {
        return Err(Refusal::bad_request("[body.endpoint.branch_id] is required"));
    };
    let branch = found::branch_mut(project, branch)?;
    let endpoint = new(&app, branch, &sent)?;
    let chain = vec![Link::of_endpoint("start_compute", Effect::Start, branch, &endpoint)];
    let (branch_id, id) = (branch.id.clone(), endpoint.id.clone());
    branch.endpoints.push(endpoint);
    let operations = scheduled(&app, project, chain, destined);
    let endpoint = found::endpoint(project, &id)?.1;
    created(json!({"endpoint": shown(&app, &project.id, &branch_id, endpoint), "operations": operations}))
}

/// `PATCH …/endpoints/{endpoint}`.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let sent = member(&body, "endpoint")?;
    take(found::endpoint_mut(project, &id)?, &sent);
    let (branch, _) = found::endpoint(project, &id)?;
    let chain = operations::reconfiguration(branch, Effect::Nothing);
    answer(&app, project, &id, chain, destined)
}

/// `DELETE …/endpoints/{endpoint}`: 204 when there is none.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let Ok((branch, endpoint)) = found::endpoint(project, &id) else {
        return nothing();
    };
    if branch.protected {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "endpoints of a protected branch cannot be deleted",
        ));
    }
    let (branch_id, shown) = (branch.id.clone(), shown(&app, &project.id, &branch.id, endpoint));
    let effect = match endpoint.kind {
        EndpointKind::ReadWrite => Effect::Suspend,
        EndpointKind::ReadOnly => Effect::DeleteReplica,
    };
    let chain = vec![Link::of_endpoint("suspend_compute", effect, branch, endpoint)];
    found::branch_mut(project, &branch_id)?.endpoints.retain(|endpoint| endpoint.id != id);
    app.close_endpoint(&id);
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"endpoint": shown, "operations": operations}))
}

/// `POST …/endpoints/{endpoint}/start`.
pub(crate) async fn start(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |branch, endpoint| match endpoint.state {
        EndpointState::Active => Vec::new(),
        _ => vec![Link::of_endpoint("start_compute", Effect::Start, branch, endpoint)],
    })
}

/// `POST …/endpoints/{endpoint}/suspend`.
pub(crate) async fn suspend(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |branch, endpoint| match endpoint.state {
        EndpointState::Active => vec![Link::of_endpoint("suspend_compute", Effect::Suspend, branch, endpoint)],
        _ => Vec::new(),
    })
}

/// `POST …/endpoints/{endpoint}/restart`.
pub(crate) async fn restart(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |branch, endpoint| restarted(branch, endpoint).to_vec())
}

/// The chain that restarts an endpoint.
pub(crate) fn restarted(branch: &Branch, endpoint: &Endpoint) -> [Link; 2] {
    [
        Link::of_endpoint("suspend_compute", Effect::Suspend, branch, endpoint),
        Link::of_endpoint("start_compute", Effect::Start, branch, endpoint),
    ]
}

fn turn(
    State(app): &State<Arc<App>>,
    Path((project, id)): Path<(String, String)>,
    destined: Destined,
    chain: fn(&Branch, &Endpoint) -> Vec<Link>,
) -> Answer {
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let (branch, endpoint) = found::endpoint(project, &id)?;
    if endpoint.disabled {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "endpoint is disabled"));
    }
    let chain = chain(branch, endpoint);
    answer(app, project, &id, chain, destined)
}

/// Schedules a chain; endpoints that it starts or suspends say so at once.
pub(crate) fn scheduled(app: &Arc<App>, project: &mut Project, chain: Vec<Link>, destined: Destined) -> Vec<Value> {
    let mut seen = Vec::new();
    for (endpoint, state) in chain.iter().filter_map(Link::pending) {
        // The first one of an endpoint: a restart begins with its suspension.
        if !seen.contains(&endpoint) {
            seen.push(endpoint);
            if let Ok(endpoint) = found::endpoint_mut(project, endpoint) {
                endpoint.pending = Some(state);
            }
        }
    }
    operations::schedule(app, project, chain, destined.0)
}

fn answer(app: &Arc<App>, project: &mut Project, id: &str, chain: Vec<Link>, destined: Destined) -> Answer {
    let operations = scheduled(app, project, chain, destined);
    let (branch, endpoint) = found::endpoint(project, id)?;
    ok(json!({"endpoint": shown(app, &project.id, &branch.id, endpoint), "operations": operations}))
}
