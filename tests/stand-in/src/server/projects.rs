//! Projects. Settings are merged key by key; logical replication goes one way.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, created, member, ok};
use super::gate::{Caller, Destined};
use super::{branches, databases, endpoints, found, recovery, roles};
use crate::app::App;
use crate::compute::DATABASE;
use crate::names;
use crate::operations::{Effect, Link};
use crate::world::{Branch, EndpointState, KeyKind, ORGANIZATION, Project, REGION};

/// The object as the API shows it.
pub(crate) fn shown(project: &Project, permission: Option<&str>) -> Value {
    let mut shown = json!({
        "id": project.id,
        "platform_id": "aws",
        "region_id": REGION,
        "name": project.name,
        "provisioner": "k8s-neonvm",
        "default_endpoint_settings": {
            "autoscaling_limit_min_cu": 0.25, "autoscaling_limit_max_cu": 2, "suspend_timeout_seconds": 0,
        },
        "settings": project.settings,
        "pg_version": project.major,
        "proxy_host": "c-2.us-east-2.aws.neon.tech",
        "branch_logical_size_limit": 204_800,
        "branch_logical_size_limit_bytes": 214_748_364_800_i64,
        "store_passwords": project.store_passwords,
        "active_time_seconds": 0,
        "compute_time_seconds": 0,
        "cpu_used_sec": 0,
        "written_data_bytes": 0,
        "data_storage_bytes_hour": 0,
        "data_transfer_bytes": 0,
        "synthetic_storage_size": 0,
        "creation_source": "console",
        "history_retention_seconds": project.history_window().as_secs(),
        "consumption_period_start": project.created_at,
        "consumption_period_end": project.created_at,
        "owner_id": ORGANIZATION,
        "org_id": ORGANIZATION,
        "effective_project_permission": permission,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
    });
    overlay(&mut shown, &project.patched);
    shown
}

/// What only the whole object has.
const NOT_LISTED: [&str; 7] = [
    "active_time_seconds",
    "compute_time_seconds",
    "consumption_period_end",
    "consumption_period_start",
    "data_storage_bytes_hour",
    "data_transfer_bytes",
    "written_data_bytes",
];

/// The object as the list shows it.
fn listed(project: &Project, permission: Option<&str>) -> Value {
    let mut listed = shown(project, permission);
    if let Some(members) = listed.as_object_mut() {
        members.retain(|name, _| !NOT_LISTED.contains(&name.as_str()));
        members.insert("active_time".to_owned(), json!(0));
    }
    listed
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
    limit: Option<usize>,
    recoverable: Option<bool>,
}

/// `GET /projects`: a cursor is given with the last page too; what comes after it is empty.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller, Query(query): Query<Page>) -> Answer {
    if caller.0.kind == KeyKind::Project {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "not allowed for project-scoped API keys"));
    }
    let world = app.world();
    let permission = world.permission(&caller.0);
    let fits = |project: &&Project| {
        query.search.as_ref().is_none_or(|text| project.name.contains(text) || project.id.contains(text))
            && query.org_id.as_ref().is_none_or(|id| *id == ORGANIZATION)
    };
    let recoverable = query.recoverable.unwrap_or_default();
    let all: Vec<_> = if recoverable {
        world.deleted.iter().map(|deleted| &deleted.was).filter(fits).collect()
    } else {
        world.projects.iter().filter(fits).collect()
    };
    let start = match &query.cursor {
        Some(cursor) => all.iter().position(|project| project.id == *cursor).map_or(all.len(), |index| index + 1),
        None => 0,
    };
    let page: Vec<_> = all.into_iter().skip(start).take(query.limit.unwrap_or(10).clamp(1, 400)).collect();
    let mut answer = json!({"applications": {}, "integrations": {}});
    if let Some(last) = page.last() {
        answer["pagination"] = json!({"cursor": last.id});
    }
    let whole = |project: &Project| {
        let listed = listed(project, permission.as_deref());
        let deleted = world.deleted.iter().find(|deleted| deleted.was.id == project.id);
        deleted.map_or_else(|| listed.clone(), |deleted| recovery::listed(deleted, listed.clone()))
    };
    answer["projects"] = page.into_iter().map(whole).collect();
    ok(answer)
}

/// `GET /projects/shared`.
pub(crate) async fn list_shared() -> Answer {
    ok(json!({"projects": []}))
}

/// `GET /projects/{project}`.
pub(crate) async fn get(State(app): State<Arc<App>>, caller: Caller, Path(project): Path<String>) -> Answer {
    let world = app.world();
    ok(json!({"project": shown(found::project(&world, &project)?, world.permission(&caller.0).as_deref())}))
}

/// `POST /projects`: a server of its own, of any major that is known.
pub(crate) async fn create(State(app): State<Arc<App>>, caller: Caller, destined: Destined, body: Bytes) -> Answer {
    if caller.0.kind == KeyKind::Project {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "not allowed for project-scoped API keys"));
    }
    let sent = member(&body, "project")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let major = match sent.get("pg_version") {
        None => 17,
        Some(version) => version.as_u64().and_then(|version| u16::try_from(version).ok()).unwrap_or_default(),
    };
    if !(14..=18).contains(&major) {
        return Err(Refusal::bad_request("[body.project.pg_version] must be between 14 and 18"));
    }
    let settings = settings(&sent)?;
    check_settings(&settings, false, app.world().knobs.ip_allow)?;
    let first = sent.get("branch").and_then(Value::as_object);
    let of_branch = |key: &str| text(first.and_then(|branch| branch.get(key)));
    let database = of_branch("database_name").unwrap_or_else(|| DATABASE.to_owned());
    let role = of_branch("role_name").unwrap_or_else(|| format!("{database}_owner"));
    for (key, name) in [("database_name", &database), ("role_name", &role)] {
        if let Some(reason) = names::refused(name) {
            return Err(Refusal::bad_request(format!("[body.project.branch.{key}] {reason}")));
        }
    }
    let mut world = app.world();
    if world.projects.len() >= world.knobs.projects_limit {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "projects limit exceeded"));
    }
    let permission = world.permission(&caller.0);
    let mut project = Project::new("", major, false);
    project.name = text(sent.get("name")).unwrap_or_else(|| project.id.clone());
    project.store_passwords = sent.get("store_passwords").and_then(Value::as_bool).unwrap_or(true);
    project.settings.extend(settings);
    take(&mut project, &sent);
    let mut branch = Branch::new(&of_branch("name").unwrap_or_else(|| "main".to_owned()));
    branch.add_role(&role, Some(names::password()), false);
    branch.add_database(&database, &role, false);
    let endpoint = endpoints::new(&app, &branch, &Map::new())?;
    branch.endpoints.push(endpoint);
    project.default_branch.clone_from(&branch.id);
    let chain = vec![
        Link::of_branch("create_timeline", Effect::CreateProject, &branch),
        Link::of_endpoint("start_compute", Effect::Start, &branch, &branch.endpoints[0]),
    ];
    project.branches.push(branch.clone());
    let operations = endpoints::scheduled(&app, &mut project, chain, destined);
    let endpoints = endpoints::of_branch(&app, &project.id, &project.branches[0]);
    let answer = json!({
        "project": shown(&project, permission.as_deref()),
        "branch": branches::shown(&project, &branch),
        "endpoints": endpoints,
        "roles": branch.roles.values().map(|role| roles::shown(&branch.id, role, true)).collect::<Vec<_>>(),
        "databases": branch.databases.iter().map(|it| databases::shown(&branch.id, it)).collect::<Vec<_>>(),
        "connection_uris": branches::connection_uris(&app, &branch),
        "operations": operations,
    });
    world.projects.push(project);
    created(answer)
}

fn settings(sent: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    match sent.get("settings") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(settings)) => Ok(settings.clone()),
        Some(_) => Err(Refusal::bad_request("[body.project.settings] must be an object")),
    }
}

fn take(project: &mut Project, sent: &Map<String, Value>) {
    for key in ["default_endpoint_settings", "history_retention_seconds"] {
        if let Some(value) = sent.get(key) {
            project.patched.insert(key.to_owned(), value.clone());
        }
    }
    project.updated_at = names::now();
}

/// `PATCH /projects/{project}`.
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(project): Path<String>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    let mut world = app.world();
    let (permission, ip_allow) = (world.permission(&caller.0), world.knobs.ip_allow);
    let project = found::changeable(&mut world, &project)?;
    let sent = member(&body, "project")?;
    let settings = settings(&sent)?;
    check_settings(&settings, project.logical(), ip_allow)?;
    match sent.get("name") {
        None => {}
        Some(Value::String(name)) => name.clone_into(&mut project.name),
        Some(_) => return Err(Refusal::bad_request("[body.project.name] must be a string")),
    }
    take(project, &sent);
    let turns_on = !project.logical() && settings.get("enable_logical_replication") == Some(&Value::Bool(true));
    project.settings.extend(settings);
    // Computes that sleep take the new setting up when they wake.
    let active = project.branches.iter().flat_map(|branch| branch.endpoints.iter().map(move |it| (branch, it)));
    let active = active.filter(|(_, endpoint)| turns_on && endpoint.state == EndpointState::Active);
    let chain: Vec<_> = active.flat_map(|(branch, endpoint)| endpoints::restarted(branch, endpoint)).collect();
    let operations = endpoints::scheduled(&app, project, chain, destined);
    ok(json!({"project": shown(project, permission.as_deref()), "operations": operations}))
}

fn check_settings(settings: &Map<String, Value>, logical: bool, ip_allow: bool) -> Result<(), Refusal> {
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
    if !ip_allow && allowed.get("ips").and_then(Value::as_array).is_some_and(|ips| !ips.is_empty()) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "IP Allow is not available on your plan"));
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
        check_settings(&settings, logical, true).is_ok()
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
    fn a_plan_may_lack_ip_allow() {
        let list = |ips: Value| json!({"allowed_ips": {"ips": ips}});
        let checked = |value: Value| check_settings(value.as_object().expect("an object"), false, false);
        assert_eq!(checked(list(json!(["10.0.0.1"]))).expect_err("refused").status, StatusCode::FORBIDDEN);
        assert!(checked(list(json!([]))).is_ok());
    }

    #[test]
    fn the_project_has_the_fields_that_the_api_requires() {
        let shown = shown(&Project::new("p", 17, false), None);
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
