//! What an operation does to the servers, just before it finishes.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::app::App;
use crate::compute::{Compute, ServerState};
use crate::postgres::admin;
use crate::postgres::history::Moment;
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
    /// Makes the branch from the data of another one, or gives it these instead of its own.
    Branch(Origin),
    /// Makes the branch from the schema of another one, without rows.
    CopySchema(Origin),
    /// Puts servers to sleep, of what was deleted and may come back, and ends others with their data.
    Retire {
        /// Computes that keep their data.
        asleep: Vec<String>,
        /// Computes that do not.
        ended: Vec<String>,
    },
    /// Makes the data of a snapshot.
    Snapshot {
        /// Its id, by which its data are found.
        id: String,
        /// What it is made from.
        origin: Origin,
        /// Roles with their passwords.
        roles: Vec<Role>,
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

/// What a branch is made from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The other branch; of a restore, it may be the same.
    pub(crate) source: String,
    /// A moment of its past; null is its present.
    pub(crate) moment: Option<Moment>,
    /// The branch that keeps what this one was before.
    pub(crate) kept: Option<String>,
    /// What the API showed of the branch before its restore; null of a new branch.
    pub(crate) before: Option<Box<Branch>>,
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
        Effect::Branch(origin) => branch(app, target, origin).await,
        Effect::CopySchema(origin) => {
            branch(app, target, origin).await?;
            app.wake(&target.branch).await?;
            admin::empty_tables(&app.compute(&target.branch)?.access).await?;
            if branch_of(app, target)?.read_write().is_none() {
                app.halt(&target.branch, ServerState::Asleep, false).await?;
            }
            Ok(())
        }
        Effect::Retire { asleep, ended } => {
            for id in asleep {
                if let Ok(compute) = app.compute(id) {
                    compute.halt(ServerState::Asleep, true).await?;
                }
            }
            for id in ended {
                app.remove_compute(id).await?;
            }
            Ok(())
        }
        Effect::Snapshot { id, origin, roles } => {
            let made = made_from(app, target, origin, roles, None).await?;
            made.halt(ServerState::Asleep, false).await?;
            app.add_compute(id, made);
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

/// Takes the effect as one that does not come: a branch whose restore failed is what it was, and nothing is preserved.
pub(crate) fn give_up(app: &App, target: &Target, effect: &Effect) {
    let Effect::Branch(Origin { kept, before: Some(before), .. }) = effect else { return };
    let mut world = app.world();
    let Some(project) = world.project_mut(&target.project) else { return };
    if let Some(branch) = project.branch_mut(&target.branch) {
        let endpoints = std::mem::take(&mut branch.endpoints);
        *branch = Branch { endpoints, ..Branch::clone(before) };
    }
    let Some(kept) = kept else { return };
    project.branches.retain(|branch| branch.id != *kept);
    for child in project.branches.iter_mut().filter(|branch| branch.parent.as_ref() == Some(kept)) {
        child.parent = Some(target.branch.clone());
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

/// A server with the data of `origin`, in place of `before`. It runs.
async fn made_from(
    app: &App,
    target: &Target,
    origin: &Origin,
    roles: &[Role],
    before: Option<&Compute>,
) -> Result<Compute> {
    let level = app.wal_level(&target.project);
    let source = app.compute(&origin.source)?;
    // Only a server that runs hands over its WAL.
    let woken = origin.moment.is_some() && source.state() == ServerState::Asleep;
    if woken {
        app.wake(&origin.source).await?;
    }
    let made = source.branch(&app.lab, level, roles, origin.moment, before).await;
    if woken && (made.is_err() || before.is_none() || origin.source != target.branch) {
        app.halt(&origin.source, ServerState::Asleep, false).await?;
    }
    made
}

/// Gives the branch a server with what it is made from.
async fn branch(app: &Arc<App>, target: &Target, origin: &Origin) -> Result<()> {
    let found = branch_of(app, target)?;
    let level = app.wal_level(&target.project);
    let before = app.compute(&target.branch).ok();
    let roles: Vec<Role> = found.roles.values().cloned().collect();
    let made = made_from(app, target, origin, &roles, before.as_deref()).await?;
    let forked_at = made.forked_at();
    app.add_compute(&target.branch, made);
    match (before, &origin.kept) {
        (Some(before), Some(kept)) => {
            app.add_compute(kept, before.kept(level).await?);
        }
        (Some(before), None) => before.remove_files(),
        (None, _) => {}
    }
    {
        let mut world = app.world();
        let project = world.project_mut(&target.project).context("the project has gone")?;
        for id in [Some(&target.branch), origin.kept.as_ref()].into_iter().flatten() {
            let branch = project.branch_mut(id).context("the branch has gone")?;
            "ready".clone_into(&mut branch.state);
        }
        let branch = project.branch_mut(&target.branch).context("the branch has gone")?;
        branch.parent_lsn = forked_at.map(|lsn| lsn.to_string());
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
