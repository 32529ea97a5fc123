//! Who is asking: `/auth`, `/users/me`, its organizations, and the regions.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, ok};
use super::gate::Caller;
use super::keys::USER;
use crate::app::App;
use crate::names;
use crate::world::{KeyKind, ORGANIZATION, REGION};

/// `GET /auth`: answers for every kind of key.
pub(crate) async fn auth(caller: Caller) -> Answer {
    let (account, method) = match caller.0.kind {
        KeyKind::Personal => (USER, "api_key_user"),
        KeyKind::Organization | KeyKind::Project => (ORGANIZATION, "api_key_org"),
    };
    ok(json!({"account_id": account, "auth_method": method}))
}

/// `GET /users/me`.
pub(crate) async fn me(State(app): State<Arc<App>>, caller: Caller) -> Answer {
    caller.is_a_user()?;
    let (projects, branches) = {
        let knobs = &app.world().knobs;
        (knobs.projects_limit, knobs.branches_limit)
    };
    ok(json!({
        "id": USER,
        "login": "stand-in",
        "name": "Stand",
        "last_name": "In",
        "email": "stand-in@example.com",
        "image": "",
        "plan": "scale",
        "projects_limit": projects,
        "branches_limit": branches,
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

fn organization(created_at: &str) -> Value {
    json!({
        "id": ORGANIZATION,
        "name": "Stand-in",
        "handle": "stand-in",
        "plan": "scale",
        "managed_by": "console",
        "created_at": created_at,
        "updated_at": created_at,
    })
}

/// `GET /users/me/organizations`.
pub(crate) async fn organizations(State(app): State<Arc<App>>) -> Answer {
    ok(json!({"organizations": [organization(&app.world().created_at)]}))
}

/// `GET /organizations/{org}`.
pub(crate) async fn get_organization(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    if id != ORGANIZATION {
        return Err(Refusal::not_found("organization"));
    }
    ok(organization(&app.world().created_at))
}

/// `GET /regions`.
pub(crate) async fn regions(caller: Caller) -> Answer {
    caller.is_a_user()?;
    ok(json!({"regions": [{
        "region_id": REGION, "name": "Stand-in", "default": true, "geo_lat": "39.96", "geo_long": "-83",
    }]}))
}
