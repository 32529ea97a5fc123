//! Who is asking: `/auth`, `/users/me`, its organizations, and the regions.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::answer::{Answer, Refusal, ok};
use crate::app::App;
use crate::knobs::KeyKind;
use crate::names;
use crate::world::REGION;

const USER: &str = "0f1e2d3c-0000-4000-8000-000000000001";

fn for_users_only(app: &App) -> Result<(), Refusal> {
    if app.world().knobs.key_kind == KeyKind::Personal {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::NOT_FOUND, "not allowed for organization API keys"))
}

/// `GET /auth`: answers for every kind of key.
pub(crate) async fn auth(State(app): State<Arc<App>>) -> Answer {
    let world = app.world();
    let (account, method) = match world.knobs.key_kind {
        KeyKind::Personal => (USER, "api_key_user"),
        KeyKind::Organization | KeyKind::Project => (world.organization_id.as_str(), "api_key_org"),
    };
    ok(json!({"account_id": account, "auth_method": method}))
}

/// `GET /users/me`.
pub(crate) async fn me(State(app): State<Arc<App>>) -> Answer {
    for_users_only(&app)?;
    ok(json!({
        "id": USER,
        "login": "stand-in",
        "name": "Stand",
        "last_name": "In",
        "email": "stand-in@example.com",
        "image": "",
        "plan": "scale",
        "projects_limit": 100,
        "branches_limit": 500,
        "max_autoscaling_limit": 8,
        "active_seconds_limit": 0,
        "billing_account": {
            "state": "active",
            "payment_source": {"type": "card"},
            "subscription_type": "scale",
            "payment_method": "stripe",
            "quota_reset_at_last": names::now(),
            "name": "Stand In",
            "email": "stand-in@example.com",
            "address_city": "",
            "address_country": "",
            "address_line1": "",
            "address_line2": "",
            "address_postal_code": "",
            "address_state": "",
        },
        "auth_accounts": [],
    }))
}

/// `GET /users/me/organizations`.
pub(crate) async fn organizations(State(app): State<Arc<App>>) -> Answer {
    let world = app.world();
    ok(json!({"organizations": [{
        "id": world.organization_id,
        "name": "Stand-in",
        "handle": "stand-in",
        "plan": "scale",
        "managed_by": "console",
        "created_at": world.created_at,
        "updated_at": world.created_at,
    }]}))
}

/// `GET /regions`.
pub(crate) async fn regions(State(app): State<Arc<App>>) -> Answer {
    for_users_only(&app)?;
    ok(json!({"regions": [{
        "region_id": REGION, "name": "Stand-in", "default": true, "geo_lat": "39.96", "geo_long": "-83",
    }]}))
}
