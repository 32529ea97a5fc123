//! Roles of a branch. The answer comes at once; the server has the role when the operation has finished.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, created, member, nothing, ok};
use super::found;
use super::gate::Destined;
use crate::app::App;
use crate::names;
use crate::operations::{self, Effect};
use crate::world::Role;

/// Neon's limit per branch.
const MOST_ROLES: usize = 500;

/// The object; the password is in the answers of create and reset only.
pub(crate) fn shown(branch: &str, role: &Role, with_password: bool) -> Value {
    let mut shown = json!({
        "branch_id": branch,
        "name": role.name,
        "protected": false,
        "authentication_method": if role.login { "password" } else { "no_login" },
        "created_at": role.created_at,
        "updated_at": role.updated_at,
    });
    if let (true, Some(password)) = (with_password, &role.password) {
        shown["password"] = json!(password);
    }
    shown
}

/// `GET …/roles`.
pub(crate) async fn list(State(app): State<Arc<App>>, Path((project, branch)): Path<(String, String)>) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    let (_, found) = found::branch(&world, &project, &branch)?;
    let roles: Vec<_> = found.roles.values().map(|role| shown(&branch, role, false)).collect();
    ok(json!({"roles": roles}))
}

/// `GET …/roles/{role}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    match found::branch(&world, &project, &branch)?.1.roles.get(&name) {
        Some(role) => ok(json!({"role": shown(&branch, role, false)})),
        None => Err(Refusal::not_found("role")),
    }
}

/// `POST …/roles`.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Path((project, branch)): Path<(String, String)>,
    destined: Destined,
    body: Bytes,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
    let sent = member(&body, "role")?;
    let Some(name) = sent.get("name").and_then(Value::as_str) else {
        return Err(Refusal::bad_request("[body.role.name] must be a string"));
    };
    if let Some(reason) = names::refused(name) {
        return Err(Refusal::bad_request(format!("[body.role.name] {reason}")));
    }
    if found.roles.contains_key(name) {
        return Err(Refusal::new(StatusCode::CONFLICT, format!("role already exists; role_name:{name:?}")));
    }
    if found.roles.len() >= MOST_ROLES {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "roles limit exceeded"));
    }
    let no_login = sent.get("no_login").and_then(Value::as_bool).unwrap_or_default();
    let password = (!no_login).then(names::password);
    found.add_role(name, password.clone(), false);
    let shown = found.roles.get(name).map(|role| shown(&branch, role, true));
    let effect = Effect::ApplyRole { name: name.to_owned(), password };
    let chain = operations::reconfiguration(found, effect);
    let operations = operations::schedule(&app, project, chain, destined.0);
    created(json!({"role": shown, "operations": operations}))
}

/// `DELETE …/roles/{role}`: 204 when there is none.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
    destined: Destined,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
    let Some(role) = found.roles.get(&name) else {
        return nothing();
    };
    let shown = shown(&branch, role, false);
    if let Some(owned) = found.databases.iter().find(|database| database.owner == name) {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("role {name:?} owns database {:?}", owned.name),
        ));
    }
    found.roles.remove(&name);
    let chain = operations::reconfiguration(found, Effect::DeleteRole(name));
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"role": shown, "operations": operations}))
}

/// `POST …/roles/{role}/reset_password`: the old password is good until the operation has finished.
pub(crate) async fn reset_password(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
    destined: Destined,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let mut world = app.world();
    let project = found::changeable(&mut world, &project)?;
    let found = found::branch_mut(project, &branch)?;
    let password = names::password();
    let Some(role) = found.roles.get_mut(&name) else {
        return Err(Refusal::not_found("role"));
    };
    if !role.login {
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "role may not log in"));
    }
    role.password = Some(password.clone());
    role.updated_at = names::now();
    let role = role.clone();
    let effect = Effect::ApplyRole { name, password: Some(password) };
    let chain = operations::reconfiguration(found, effect);
    let operations = operations::schedule(&app, project, chain, destined.0);
    ok(json!({"role": shown(&branch, &role, true), "operations": operations}))
}

/// `GET …/roles/{role}/reveal_password`.
pub(crate) async fn reveal_password(
    State(app): State<Arc<App>>,
    Path((project, branch, name)): Path<(String, String, String)>,
) -> Answer {
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    let (project, found) = found::branch(&world, &project, &branch)?;
    let Some(role) = found.roles.get(&name) else {
        return Err(Refusal::not_found("role"));
    };
    if !project.store_passwords {
        return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "password storage is not enabled for this project"));
    }
    match &role.password {
        Some(password) => ok(json!({"password": password})),
        None => Err(Refusal::not_found("password")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Branch;

    fn role(password: Option<&str>) -> Role {
        let mut branch = Branch::new("main");
        branch.add_role("r", password.map(str::to_owned), true);
        branch.roles["r"].clone()
    }

    #[test]
    fn a_password_is_shown_only_where_it_was_just_made() {
        let role = role(Some("npg_secret"));
        assert_eq!(shown("br", &role, true)["password"], "npg_secret");
        assert!(shown("br", &role, false).get("password").is_none());
    }

    #[test]
    fn a_role_that_may_not_log_in_says_so() {
        assert_eq!(shown("br", &role(None), true)["authentication_method"], "no_login");
    }
}
