//! What an operation does to the servers, just before it finishes.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::app::App;
use crate::compute::{Compute, ServerState};
use crate::postgres::admin;
use crate::postgres::roles;
use crate::world::{Branch, EndpointState, Role};

/// What an operation does.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Makes the role, or gives it a new password.
    ApplyRole {
        /// Its name.
        name: String,
        /// Its password; null: it may not log in.
        password: Option<String>,
    },
    /// Removes the role.
    DeleteRole(String),
    /// Makes the database.
    CreateDatabase {
        /// Its name.
        name: String,
        /// Its owner.
        owner: String,
    },
    /// Renames the database, or gives it to another owner.
    AlterDatabase {
        /// Its name before.
        name: String,
        /// Its name after.
        new_name: String,
        /// Its owner after.
        owner: String,
    },
    /// Removes the database.
    DropDatabase(String),
    /// Makes the first server of a new project.
    CreateProject,
    /// Makes the branch from its parent's data.
    CreateBranch,
    /// Gives the branch the data of another one.
    Restore {
        /// That other one.
        source: String,
    },
    /// Makes the branch from the schema of another one, without rows.
    CopySchema {
        /// That other one.
        source: String,
    },
    /// Ends the branch's server, and those of its replicas, with their data.
    DeleteBranch {
        /// Its read-only endpoints.
        replicas: Vec<String>,
    },
    /// Stops the compute.
    Suspend,
    /// Starts the compute with the project's `wal_level`; a replica's is made first.
    Start,
    /// Ends a replica's server.
    DeleteReplica,
    /// Nothing that a server sees.
    Nothing,
}

/// Where it happens.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The project.
    pub(crate) project: String,
    /// The branch.
    pub(crate) branch: String,
    /// The compute: the branch's, or a read-only endpoint's.
    pub(crate) compute: String,
}

/// Does it.
pub(crate) async fn apply(app: &Arc<App>, target: &Target, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Nothing => Ok(()),
        Effect::Suspend => app.halt(&target.compute, ServerState::Asleep, false).await,
        Effect::Start => start(app, target).await,
        Effect::CreateProject => app.add_project_compute(&target.project, &target.branch, None).await,
        Effect::CreateBranch => {
            let parent = branch_of(app, target)?.parent.context("a parent")?;
            branch(app, target, &parent).await
        }
        Effect::Restore { source } => branch(app, target, source).await,
        Effect::CopySchema { source } => {
            branch(app, target, source).await?;
            app.wake(&target.branch).await?;
            admin::empty_tables(&app.compute(&target.branch)?.access).await?;
            if branch_of(app, target)?.read_write().is_none() {
                app.halt(&target.branch, ServerState::Asleep, false).await?;
            }
            Ok(())
        }
        Effect::DeleteBranch { replicas } => {
            for compute in replicas.iter().chain([&target.branch]) {
                app.remove_compute(compute).await?;
            }
            Ok(())
        }
        Effect::DeleteReplica => app.remove_compute(&target.compute).await,
        _ => {
            app.wake(&target.branch).await?;
            let done = on_server(app, target, effect).await;
            if branch_of(app, target)?.read_write().is_none() {
                app.halt(&target.branch, ServerState::Asleep, false).await?; // nobody may connect, so nobody needs it
            }
            done
        }
    }
}

fn branch_of(app: &App, target: &Target) -> Result<Branch> {
    let world = app.world();
    let project = world.project(&target.project).context("the project has gone")?;
    project.branch(&target.branch).cloned().context("the branch has gone")
}

async fn start(app: &Arc<App>, target: &Target) -> Result<()> {
    let replica = target.compute != target.branch;
    if replica && app.compute(&target.compute).is_err() {
        app.wake(&target.branch).await?;
        let primary = app.compute(&target.branch)?;
        let made = primary.replica(&app.lab, app.wal_level(&target.project)).await?;
        app.add_compute(&target.compute, made);
        app.world().compute_turned(&target.compute, EndpointState::Active);
        return Ok(());
    }
    app.wake(&target.compute).await
}

/// Copies the data of `source`, and lets the branch have it.
async fn branch(app: &Arc<App>, target: &Target, source: &str) -> Result<()> {
    let found = branch_of(app, target)?;
    let level = app.wal_level(&target.project);
    let parent = app.compute(source)?;
    let roles: Vec<Role> = found.roles.values().cloned().collect();
    let made: Compute = parent.branch(&app.lab, level, &roles).await?;
    if let Some(before) = app.add_compute(&target.branch, made) {
        before.halt(ServerState::Stopped, true).await?;
        before.remove_files();
    }
    {
        let mut world = app.world();
        let branch = world.project_mut(&target.project).and_then(|project| project.branch_mut(&target.branch));
        let branch = branch.context("the branch has gone")?;
        "ready".clone_into(&mut branch.state);
    }
    if found.read_write().is_some_and(|endpoint| !endpoint.disabled) {
        app.world().compute_turned(&target.branch, EndpointState::Active);
        return Ok(());
    }
    app.halt(&target.branch, ServerState::Asleep, false).await
}

async fn on_server(app: &Arc<App>, target: &Target, effect: &Effect) -> Result<()> {
    let compute = app.compute(&target.branch)?;
    let client = compute.superuser().await?;
    match effect {
        Effect::ApplyRole { name, password } => {
            roles::create(&client, name, password.as_deref()).await?;
            let mut world = app.world();
            let branch = world.project_mut(&target.project).and_then(|project| project.branch_mut(&target.branch));
            if let Some(role) = branch.and_then(|branch| branch.roles.get_mut(name)) {
                role.applied = true;
            }
        }
        Effect::DeleteRole(name) => roles::delete(&compute.access, name).await?,
        Effect::CreateDatabase { name, owner } => return admin::create_database(&compute.access, name, owner).await,
        Effect::AlterDatabase { name, new_name, owner } => {
            return admin::alter_database(&client, name, new_name, owner).await;
        }
        Effect::DropDatabase(name) => return admin::drop_database(&compute.access, name).await,
        _ => return Ok(()),
    }
    // A new configuration of the compute sends connections away.
    let whom = app.world().knobs.dropped_connections;
    let dropped = admin::terminate(&client, whom).await?;
    tracing::debug!("{dropped} connections dropped");
    Ok(())
}
