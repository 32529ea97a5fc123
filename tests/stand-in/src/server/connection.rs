//! Connection strings.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal, ok};
use super::branches::with_server;
use super::projects::known;
use crate::app::App;
use crate::names;
use crate::postgres::tls::HOST;

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
    known(&app.world(), &project)?;
    let missing = |name: &str| Refusal::bad_request(format!("[query.{name}] is required"));
    let database = wanted.database_name.ok_or_else(|| missing("database_name"))?;
    let role = wanted.role_name.ok_or_else(|| missing("role_name"))?;
    if let Some(branch) = &wanted.branch_id {
        with_server(&app.world(), &project, branch)?;
    }
    app.take_over_catalogue().await;
    let world = app.world();
    let endpoint_fits = wanted.endpoint_id.is_none_or(|id| id == world.endpoint.id);
    if world.knobs.endpoint_missing || !endpoint_fits {
        return Err(Refusal::not_found("endpoint"));
    }
    if world.database(&database).is_none() {
        return Err(Refusal::not_found("database"));
    }
    let Some(role) = world.roles.get(&role) else {
        return Err(Refusal::not_found("role"));
    };
    let password = role.password.as_deref().filter(|_| world.knobs.store_passwords);
    // Neon has `-pooler` in the host; a name that resolves everywhere has no room for it, so the pooler has a port.
    let port = if wanted.pooled.unwrap_or_default() { app.ports.pooled } else { app.ports.direct };
    ok(json!({"uri": written(&role.name, password, port, &database)}))
}

fn written(role: &str, password: Option<&str>, port: u16, database: &str) -> String {
    let password = password.map(|password| format!(":{}", names::escaped(password)));
    format!(
        "postgresql://{}{}@{HOST}:{port}/{}?sslmode=require&channel_binding=require",
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
            written("a@b", Some("npg_x"), 5, "d/e"),
            "postgresql://a%40b:npg_x@localhost:5/d%2Fe?sslmode=require&channel_binding=require"
        );
        assert_eq!(written("a", None, 5, "d"), "postgresql://a@localhost:5/d?sslmode=require&channel_binding=require");
    }
}
