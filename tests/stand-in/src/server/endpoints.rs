//! Endpoints: the default branch has one, read-write, and it really starts and stops its server.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, member, ok};
use super::branches::with_server;
use super::gate::Destined;
use super::projects::{changeable, known, overlay};
use crate::app::{App, Ports};
use crate::names;
use crate::operations::{self, Effect, Link};
use crate::postgres::tls::HOST;
use crate::world::{EndpointState, REGION, World};

fn text(state: EndpointState) -> &'static str {
    match state {
        EndpointState::Active => "active",
        EndpointState::Idle => "idle",
    }
}

fn shown(world: &World, ports: Ports) -> Value {
    let endpoint = &world.endpoint;
    let mut shown = json!({
        "id": endpoint.id,
        "host": format!("{HOST}:{}", ports.direct),
        "project_id": world.project_id,
        "branch_id": world.branch_id,
        "region_id": REGION,
        "type": "read_write",
        "current_state": text(endpoint.state),
        "autoscaling_limit_min_cu": 0.25,
        "autoscaling_limit_max_cu": 2,
        "suspend_timeout_seconds": 0,
        "disabled": world.knobs.endpoint_disabled,
        "settings": {"pg_settings": {}},
        "pooler_enabled": false,
        "pooler_mode": "transaction",
        "passwordless_access": true,
        "provisioner": "k8s-neonvm",
        "proxy_host": HOST,
        "creation_source": "console",
        "created_at": world.created_at,
        "updated_at": endpoint.updated_at,
    });
    overlay(&mut shown, &endpoint.patched);
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

fn all(world: &World, ports: Ports) -> Vec<Value> {
    if world.knobs.endpoint_missing { Vec::new() } else { vec![shown(world, ports)] }
}

/// `GET …/endpoints`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path(project): Path<String>) -> Answer {
    let world = app.world();
    known(&world, &project)?;
    ok(json!({"endpoints": all(&world, app.ports)}))
}

/// `GET …/branches/{branch}/endpoints`.
pub(crate) async fn list_of_branch(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
) -> Answer {
    let world = app.world();
    with_server(&world, &project, &branch)?;
    ok(json!({"endpoints": all(&world, app.ports)}))
}

/// `GET …/endpoints/{endpoint}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path((project, endpoint)): Path<(String, String)>) -> Answer {
    let world = app.world();
    known(&world, &project)?;
    there(&world, &endpoint)?;
    ok(json!({"endpoint": shown(&world, app.ports)}))
}

fn there(world: &World, endpoint: &str) -> Result<(), Refusal> {
    if endpoint == world.endpoint.id && !world.knobs.endpoint_missing {
        return Ok(());
    }
    Err(Refusal::not_found("endpoint"))
}

/// `PATCH …/endpoints/{endpoint}`.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path((project, endpoint)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    changeable(&world, &project)?;
    there(&world, &endpoint)?;
    let sent = member(&body, "endpoint")?;
    if let Some(disabled) = sent.get("disabled").and_then(Value::as_bool) {
        world.knobs.endpoint_disabled = disabled;
    }
    for key in [
        "autoscaling_limit_min_cu",
        "autoscaling_limit_max_cu",
        "suspend_timeout_seconds",
        "settings",
        "name",
        "provisioner",
    ] {
        if let Some(value) = sent.get(key) {
            world.endpoint.patched.insert(key.to_owned(), value.clone());
        }
    }
    world.endpoint.updated_at = names::now();
    let chain = operations::reconfiguration(&world, Effect::Nothing);
    answer(&app, &mut world, chain, destined)
}

/// `POST …/endpoints/{endpoint}/start`.
pub(crate) async fn start(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |state| match state {
        EndpointState::Active => Vec::new(),
        EndpointState::Idle => vec![("start_compute", Effect::Start)],
    })
}

/// `POST …/endpoints/{endpoint}/suspend`.
pub(crate) async fn suspend(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |state| match state {
        EndpointState::Active => vec![("suspend_compute", Effect::Suspend)],
        EndpointState::Idle => Vec::new(),
    })
}

/// `POST …/endpoints/{endpoint}/restart`.
pub(crate) async fn restart(state: State<Arc<App>>, path: Path<(String, String)>, destined: Destined) -> Answer {
    turn(&state, path, destined, |_| vec![("suspend_compute", Effect::Suspend), ("start_compute", Effect::Start)])
}

fn turn(
    State(app): &State<Arc<App>>,
    Path((project, endpoint)): Path<(String, String)>,
    destined: Destined,
    chain: fn(EndpointState) -> Vec<Link>,
) -> Answer {
    let mut world = app.world();
    changeable(&world, &project)?;
    there(&world, &endpoint)?;
    if world.knobs.endpoint_disabled {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "endpoint is disabled"));
    }
    let chain = chain(world.endpoint.state);
    answer(app, &mut world, chain, destined)
}

fn answer(app: &Arc<App>, world: &mut World, chain: Vec<Link>, destined: Destined) -> Answer {
    world.endpoint.pending = chain.iter().find_map(|(_, effect)| match effect {
        Effect::Suspend => Some(EndpointState::Idle),
        Effect::Start => Some(EndpointState::Active),
        _ => None,
    });
    let operations = operations::schedule(app, world, chain, destined.0);
    ok(json!({"endpoint": shown(world, app.ports), "operations": operations}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { direct: 5, pooled: 6 };

    #[test]
    fn the_endpoint_has_the_fields_that_the_api_requires() {
        let shown = shown(&World::new(17, false), PORTS);
        for field in [
            "id",
            "host",
            "project_id",
            "branch_id",
            "region_id",
            "type",
            "current_state",
            "autoscaling_limit_min_cu",
            "autoscaling_limit_max_cu",
            "suspend_timeout_seconds",
            "disabled",
            "settings",
            "pooler_enabled",
            "pooler_mode",
            "passwordless_access",
            "provisioner",
            "proxy_host",
            "creation_source",
        ] {
            assert!(!shown[field].is_null(), "{field} is missing");
        }
    }

    #[test]
    fn a_missing_endpoint_is_404_and_an_empty_list() {
        let mut world = World::new(17, false);
        let id = world.endpoint.id.clone();
        assert!(there(&world, &id).is_ok());
        assert!(there(&world, "ep-none").is_err());
        world.knobs.endpoint_missing = true;
        assert!(there(&world, &id).is_err());
        assert!(all(&world, PORTS).is_empty());
    }
}
