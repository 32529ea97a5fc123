//! Connection strings.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal, ok};
use super::found;
use crate::app::App;
use crate::names;
use crate::world::EndpointKind;

/// Query of `connection_uri`.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    database_name: Option<String>,
    role_name: Option<String>,
    branch_id: Option<String>,
    endpoint_id: Option<String>,
    pooled: Option<bool>,
}

/// `GET …/connection_uri`.
pub(crate) async fn uri(
    State(app): State<Arc<App>>,
    Path(project): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let default = found::project(&app.world(), &project)?.default_branch.clone();
    let missing = |name: &str| Refusal::bad_request(format!("[query.{name}] is required"));
    let database = wanted.database_name.ok_or_else(|| missing("database_name"))?;
    let role = wanted.role_name.ok_or_else(|| missing("role_name"))?;
    let of_endpoint = || {
        let world = app.world();
        let (branch, _) = found::endpoint(world.project(&project)?, wanted.endpoint_id.as_deref()?).ok()?;
        Some(branch.id.clone())
    };
    let branch = wanted.branch_id.clone().or_else(of_endpoint).unwrap_or(default);
    found::branch(&app.world(), &project, &branch)?;
    app.take_over_catalogue(&project, &branch).await;
    let world = app.world();
    let (project, found) = found::branch(&world, &project, &branch)?;
    let endpoint = found.shown_endpoints().iter().find(|endpoint| match &wanted.endpoint_id {
        Some(id) => endpoint.id == *id,
        None => endpoint.kind == EndpointKind::ReadWrite,
    });
    let endpoint = endpoint.ok_or_else(|| Refusal::not_found("endpoint"))?;
    if found.database(&database).is_none() {
        return Err(Refusal::not_found("database"));
    }
    let Some(role) = found.roles.get(&role) else {
        return Err(Refusal::not_found("role"));
    };
    let password = role.password.as_deref().filter(|_| project.store_passwords);
    // Neon has `-pooler` in the host; a name that resolves everywhere has no room for it, so the pooler has a port.
    let ports = endpoint.ports;
    let port = if wanted.pooled.unwrap_or_default() { ports.pooled } else { ports.direct };
    ok(json!({"uri": written(&app.host, &role.name, password, port, &database)}))
}

/// A connection string in Neon's form.
pub(crate) fn written(host: &str, role: &str, password: Option<&str>, port: u16, database: &str) -> String {
    let password = password.map(|password| format!(":{}", names::escaped(password)));
    format!(
        "postgresql://{}{}@{host}:{port}/{}?sslmode=require&channel_binding=require",
        names::escaped(role),
        password.unwrap_or_default(),
        names::escaped(database)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_an_unknown_password_is_left_out() {
        assert_eq!(
            written("localhost", "a@b", Some("npg_x"), 5, "d/e"),
            "postgresql://a%40b:npg_x@localhost:5/d%2Fe?sslmode=require&channel_binding=require"
        );
        assert_eq!(
            written("localhost", "a", None, 5, "d"),
            "postgresql://a@localhost:5/d?sslmode=require&channel_binding=require"
        );
    }
}
