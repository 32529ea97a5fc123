//! The HTTP side: Neon's API under `/api/v2`, the admin routes under `/admin/<token>`.

mod account;
mod admin;
mod answer;
mod branch_recovery;
mod branches;
mod connection;
mod databases;
mod endpoints;
mod found;
mod gate;
mod guard;
mod history;
mod keys;
mod known_keys;
mod operations;
mod projects;
mod recovery;
mod request_id;
mod restore;
mod roles;
mod schema;
mod servers;
mod snapshot_restore;
mod snapshots;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::routing::{delete, get, patch, post};
use tokio::net::TcpListener;

use crate::app::App;
use answer::Refusal;
pub(crate) use branch_recovery::{Way, remove as remove_branch};
pub(crate) use branches::owner_uri;
pub(crate) use snapshots::remove as remove_snapshot;

/// Folder of the API.
pub(crate) const API: &str = "/api/v2";

/// Serves until the process ends.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) -> Result<()> {
    let router = Router::new()
        .nest(API, api(&app))
        .nest("/admin/{token}", admin::routes(&app))
        .fallback(|| async { Refusal::not_found("page") })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::pass))
        .layer(middleware::from_fn(request_id::pass))
        .with_state(app);
    axum::serve(listener, router).await?;
    Ok(())
}

fn api(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/auth", get(account::auth))
        .route("/users/me", get(account::me))
        .route("/users/me/organizations", get(account::organizations))
        .route("/regions", get(account::regions))
        .route("/organizations/{org}", get(account::get_organization))
        .route("/api_keys", get(keys::list).post(keys::create))
        .route("/api_keys/{key}", delete(keys::revoke))
        .route("/organizations/{org}/api_keys", get(keys::list_of_organization).post(keys::create_of_organization))
        .route("/organizations/{org}/api_keys/{key}", delete(keys::revoke_of_organization))
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/shared", get(projects::list_shared))
        .nest("/projects/{project}", project())
        // Never 404 or 405: whoever asks would take that for "it is gone".
        .fallback(not_modelled)
        .method_not_allowed_fallback(not_modelled)
        .layer(middleware::from_fn_with_state(Arc::clone(app), gate::pass))
}

async fn not_modelled(method: Method, uri: Uri) -> Refusal {
    let message = format!("the stand-in does not model {method} {}; on Neon it may well work", uri.path());
    Refusal::new(StatusCode::NOT_IMPLEMENTED, message)
}

fn project() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(projects::get).patch(projects::patch).delete(recovery::delete))
        .route("/recover", post(recovery::recover))
        .route("/connection_uri", get(connection::uri))
        .route("/operations", get(operations::list))
        .route("/operations/{operation}", get(operations::get))
        .route("/endpoints", get(endpoints::list).post(endpoints::create))
        .route("/endpoints/{endpoint}", get(endpoints::get).patch(endpoints::patch).delete(endpoints::delete))
        .route("/endpoints/{endpoint}/start", post(endpoints::start))
        .route("/endpoints/{endpoint}/suspend", post(endpoints::suspend))
        .route("/endpoints/{endpoint}/restart", post(endpoints::restart))
        .route("/branches", get(branches::list).post(branches::create))
        .route("/branches/count", get(branches::count))
        .route("/branches/{branch}", get(branches::get).patch(branches::patch).delete(branch_recovery::delete))
        .route("/branches/{branch}/recover", post(branch_recovery::recover))
        .route("/branches/{branch}/restore", post(restore::restore))
        .route("/branches/{branch}/finalize_restore", post(snapshot_restore::finalize))
        .route("/branches/{branch}/snapshot", post(snapshots::create))
        .route("/branches/{branch}/backup_schedule", get(snapshots::schedule).put(snapshots::set_schedule))
        .route("/snapshots", get(snapshots::list))
        .route("/snapshots/{snapshot}", patch(snapshots::update).delete(snapshots::delete))
        .route("/snapshots/{snapshot}/restore", post(snapshot_restore::restore))
        .route("/branches/{branch}/schema", get(schema::get))
        .route("/branches/{branch}/compare_schema", get(schema::compare))
        .route("/branches/{branch}/set_as_default", post(branches::set_as_default))
        .route("/branches/{branch}/endpoints", get(endpoints::list_of_branch))
        .route("/branches/{branch}/databases", get(databases::list).post(databases::create))
        .route(
            "/branches/{branch}/databases/{database}",
            get(databases::get).patch(databases::patch).delete(databases::delete),
        )
        .route("/branches/{branch}/roles", get(roles::list).post(roles::create))
        .route("/branches/{branch}/roles/{role}", get(roles::get).delete(roles::delete))
        .route("/branches/{branch}/roles/{role}/reset_password", post(roles::reset_password))
        .route("/branches/{branch}/roles/{role}/reveal_password", get(roles::reveal_password))
}
