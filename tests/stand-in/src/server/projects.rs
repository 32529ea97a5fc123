//! Projects: there is one. Its settings are merged key by key; logical replication goes one way.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, member, ok};
use super::gate::Destined;
use crate::app::App;
use crate::knobs::KeyKind;
use crate::names;
use crate::operations::{self, Effect};
use crate::world::{EndpointState, REGION, World};

/// Refuses any other project than the one that is there.
pub(crate) fn known(world: &World, project: &str) -> Result<(), Refusal> {
    if project == world.project_id {
        return Ok(());
    }
    Err(Refusal::not_found("project"))
}

/// Refuses a change while an operation runs, and by a key that may only look.
pub(crate) fn changeable(world: &World, project: &str) -> Result<(), Refusal> {
    known(world, project)?;
    if world.knobs.permission.as_deref() == Some("VIEWER") {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "you do not have permission to perform this action"));
    }
    if world.chains > 0 {
        return Err(Refusal::locked());
    }
    Ok(())
}

/// The object as the API shows it.
fn shown(world: &World) -> Value {
    let mut shown = json!({
        "id": world.project_id,
        "platform_id": "aws",
        "region_id": REGION,
        "name": world.project_name,
        "provisioner": "k8s-neonvm",
        "default_endpoint_settings": {
            "autoscaling_limit_min_cu": 0.25, "autoscaling_limit_max_cu": 2, "suspend_timeout_seconds": 0,
        },
        "settings": world.settings,
        "pg_version": world.major,
        "proxy_host": "c-2.us-east-2.aws.neon.tech",
        "branch_logical_size_limit": 204_800,
        "branch_logical_size_limit_bytes": 214_748_364_800_i64,
        "store_passwords": world.knobs.store_passwords,
        "active_time": 0,
        "active_time_seconds": 0,
        "compute_time_seconds": 0,
        "cpu_used_sec": 0,
        "written_data_bytes": 0,
        "data_storage_bytes_hour": 0,
        "data_transfer_bytes": 0,
        "synthetic_storage_size": 0,
        "creation_source": "console",
        "history_retention_seconds": 86_400,
        "consumption_period_start": world.created_at,
        "consumption_period_end": world.created_at,
        "owner_id": world.organization_id,
        "org_id": world.organization_id,
        "effective_project_permission": world.knobs.permission,
        "created_at": world.created_at,
        "updated_at": world.updated_at,
    });
    overlay(&mut shown, &world.patched);
    shown
}

/// Puts what `PATCH` replaced over the usual members.
pub(crate) fn overlay(shown: &mut Value, patched: &Map<String, Value>) {
    for (key, value) in patched {
        shown[key] = value.clone();
    }
}

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct Page {
    search: Option<String>,
    org_id: Option<String>,
    cursor: Option<String>,
}

/// `GET /projects`.
pub(crate) async fn list(State(app): State<Arc<App>>, Query(query): Query<Page>) -> Answer {
    let world = app.world();
    if world.knobs.key_kind == KeyKind::Project {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "not allowed for project-scoped API keys"));
    }
    let wanted =
        query.search.as_ref().is_none_or(|text| world.project_name.contains(text) || world.project_id.contains(text));
    let ours = query.org_id.as_ref().is_none_or(|id| *id == world.organization_id);
    // A cursor is given with the last page too; what comes after it is empty.
    if query.cursor.is_some() || !wanted || !ours {
        return ok(json!({"projects": [], "applications": {}, "integrations": {}}));
    }
    ok(json!({
        "projects": [shown(&world)],
        "pagination": {"cursor": world.project_id},
        "applications": {},
        "integrations": {},
    }))
}

/// `GET /projects/shared`.
pub(crate) async fn list_shared() -> Answer {
    ok(json!({"projects": [], "applications": {}, "integrations": {}}))
}

/// `GET /projects/{project}`.
pub(crate) async fn get(State(app): State<Arc<App>>, Path(project): Path<String>) -> Answer {
    let world = app.world();
    known(&world, &project)?;
    ok(json!({"project": shown(&world)}))
}

/// `PATCH /projects/{project}`.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Path(project): Path<String>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    changeable(&world, &project)?;
    let mut sent = member(&body, "project")?;
    let settings = match sent.remove("settings") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(settings)) => settings,
        Some(_) => {
            return Err(Refusal::bad_request("[body.project.settings] must be an object"));
        }
    };
    check_settings(&settings, world.logical())?;
    if let Some(name) = sent.remove("name") {
        let Some(name) = name.as_str() else {
            return Err(Refusal::bad_request("[body.project.name] must be a string"));
        };
        name.clone_into(&mut world.project_name);
    }
    for key in ["default_endpoint_settings", "history_retention_seconds"] {
        if let Some(value) = sent.remove(key) {
            world.patched.insert(key.to_owned(), value);
        }
    }
    let turns_on = !world.logical() && settings.get("enable_logical_replication") == Some(&Value::Bool(true));
    world.settings.extend(settings);
    world.updated_at = names::now();
    // Computes that sleep take the new setting up when they wake.
    let chain = if turns_on && world.endpoint.state == EndpointState::Active {
        world.endpoint.pending = Some(EndpointState::Idle);
        vec![("suspend_compute", Effect::Suspend), ("start_compute", Effect::Start)]
    } else {
        Vec::new()
    };
    let operations = operations::schedule(&app, &mut world, chain, destined.0);
    ok(json!({"project": shown(&world), "operations": operations}))
}

fn check_settings(settings: &Map<String, Value>, logical: bool) -> Result<(), Refusal> {
    match settings.get("enable_logical_replication") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) if !logical => {}
        Some(Value::Bool(false)) => {
            return Err(Refusal::bad_request("logical replication cannot be disabled once it has been enabled"));
        }
        Some(_) => {
            return Err(Refusal::bad_request("[body.project.settings.enable_logical_replication] must be a boolean"));
        }
    }
    let Some(allowed) = settings.get("allowed_ips") else {
        return Ok(());
    };
    let ips_are_texts = match allowed.get("ips") {
        None => true,
        Some(Value::Array(ips)) => ips.iter().all(Value::is_string),
        Some(_) => false,
    };
    let flag_is_bool = allowed.get("protected_branches_only").is_none_or(Value::is_boolean);
    if !allowed.is_object() || !ips_are_texts || !flag_is_bool {
        return Err(Refusal::bad_request("[body.project.settings.allowed_ips] has an error"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: Value, logical: bool) -> bool {
        let Value::Object(settings) = settings else {
            panic!("an object");
        };
        check_settings(&settings, logical).is_ok()
    }

    #[test]
    fn logical_replication_goes_one_way() {
        assert!(check(json!({"enable_logical_replication": true}), false));
        assert!(check(json!({"enable_logical_replication": true}), true));
        assert!(check(json!({"enable_logical_replication": false}), false));
        assert!(!check(json!({"enable_logical_replication": false}), true));
        assert!(!check(json!({"enable_logical_replication": "yes"}), false));
    }

    #[test]
    fn allowed_ips_must_be_a_list_of_texts() {
        assert!(check(json!({"allowed_ips": {"ips": [], "protected_branches_only": true}}), false));
        assert!(!check(json!({"allowed_ips": {"ips": "10.0.0.1"}}), false));
        assert!(!check(json!({"allowed_ips": {"ips": [1]}}), false));
        assert!(!check(json!({"allowed_ips": []}), false));
    }

    #[test]
    fn a_change_needs_the_project_the_permission_and_peace() {
        let mut world = World::new(17, false);
        let id = world.project_id.clone();
        let status = |world: &World, id: &str| changeable(world, id).err().map(|refusal| refusal.status.as_u16());
        assert_eq!(status(&world, &id), None);
        assert_eq!(status(&world, "other"), Some(404));
        world.chains = 1;
        assert_eq!(status(&world, &id), Some(423));
        world.knobs.permission = Some("VIEWER".to_owned());
        assert_eq!(status(&world, &id), Some(403));
    }

    #[test]
    fn the_project_has_the_fields_that_the_api_requires() {
        let shown = shown(&World::new(17, false));
        for field in [
            "id",
            "platform_id",
            "region_id",
            "name",
            "provisioner",
            "pg_version",
            "proxy_host",
            "store_passwords",
            "history_retention_seconds",
            "owner_id",
            "created_at",
            "updated_at",
        ] {
            assert!(!shown[field].is_null(), "{field} is missing");
        }
        assert_eq!(shown["settings"]["enable_logical_replication"], false);
    }
}
