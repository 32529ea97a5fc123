//! Enables logical replication, and finds out whether a compute runs with it.

use tfplugin::Diagnostics;

use super::messages;
use super::model::{Model, Verify};
use crate::handler::{Call, explain};
use crate::neon::ProjectId;
use crate::postgres::settings;
use crate::target::{self, Branch, Database, Error, Server};

/// Enables the setting where it is disabled, waits for the operations, and reads the setting back. From the request on
/// the object is in the state.
pub(super) async fn enable(call: &Call<'_>, plan: &Model, project: &ProjectId) -> Result<(), Diagnostics> {
    let (target, budget) = (call.target(), call.budget());
    let failed = |error: Error| call.failed(&error);
    let model = plan.clone().observed();
    let found = target.project_now(project, &budget).await.map_err(failed)?;
    if !found.logical_replication() {
        call.insist_on_change(project).await?;
        let client = target.neon().map_err(failed)?;
        let enabling = client.enable_logical_replication(project, &budget).await;
        let enabling = enabling.map_err(|error| failed(error.into()))?;
        target.computes_restart(project);
        call.cx().checkpoint(&model);
        enabling.wait(&budget).await.map_err(|error| failed(error.into()))?;
        let found = target.project_now(project, &budget).await.map_err(failed)?;
        if !found.logical_replication() {
            return Err(messages::still_disabled(project).into());
        }
        target.computes_restart(project);
    }
    call.cx().checkpoint(&model);
    target.wrote_project(project);
    Ok(())
}

/// Reads `wal_level` in a database, and restarts its compute once if it says `replica`. The setting is enabled by now, so
/// a look that fails is a warning.
pub(super) async fn verify(call: &Call<'_>, wanted: Option<&Verify>, project: &ProjectId) -> Result<(), Diagnostics> {
    let not_seen = |why: &str| call.cx().warn(messages::not_seen(project, why));
    let failed_to = |doing: &str, error: &Error| not_seen(&explain::target(doing, error).detail);
    let (branch, at) = match database(call, wanted, project).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            not_seen("the branch has no database.");
            return Ok(());
        }
        Err(error) => {
            failed_to("find a database", &error);
            return Ok(());
        }
    };
    let mut restarted = false;
    loop {
        match wal_level(call, &at).await {
            Ok(level) if level == "logical" => return Ok(()),
            Ok(level) if restarted => return Err(messages::still_replica(project, &at, &level).into()),
            Ok(level) => {
                tracing::info!(%at, level, "restarting the compute, which does not run with logical replication yet");
                if !restart(call, &branch).await? {
                    return Err(messages::still_replica(project, &at, &level).into());
                }
                restarted = true;
            }
            Err(error) => {
                failed_to(&format!("read `wal_level` of {at}"), &error);
                return Ok(());
            }
        }
    }
}

/// Where to look; `None` if the branch has no database.
async fn database(
    call: &Call<'_>,
    wanted: Option<&Verify>,
    project: &ProjectId,
) -> Result<Option<(Branch, Database)>, Error> {
    let (target, budget) = (call.target(), call.budget());
    let id = target.branch(project, wanted.and_then(|it| it.branch_id.known()), &budget).await?;
    let name = match wanted.and_then(|it| it.database.known()) {
        Some(name) => name.clone(),
        None => match target.neon()?.list_databases(project, &id, &budget).await?.into_iter().next() {
            Some(first) => target::database_name(&first.name)?,
            None => return Ok(None),
        },
    };
    let branch = Branch { project: project.clone(), id };
    Ok(Some((branch.clone(), Database { server: Server::Neon(branch), name })))
}

/// Not out of a snapshot: what was learned before the setting was enabled does not count.
async fn wal_level(call: &Call<'_>, at: &Database) -> Result<String, Error> {
    let budget = call.budget();
    let mut session = call.target().connect(at, &budget, "verifying logical replication").await?;
    match budget.run(session.read(|it| async move { settings::read(&it).await })).await {
        Ok(found) => Ok(found?.wal_level),
        Err(ended) => Err(Error::ended(ended, "reading `wal_level`")),
    }
}

/// Restarts the compute of the branch. False if it has none.
async fn restart(call: &Call<'_>, branch: &Branch) -> Result<bool, Diagnostics> {
    let (target, budget) = (call.target(), call.budget());
    let failed = |error: Error| Diagnostics::from(explain::target(&format!("restart the compute of {branch}"), &error));
    let client = target.neon().map_err(failed)?;
    let endpoint = client.read_write_endpoint(&branch.project, &branch.id, &budget).await;
    let Some(endpoint) = endpoint.map_err(|error| failed(error.into()))? else { return Ok(false) };
    let restarting = client.restart_endpoint(&branch.project, &endpoint.id, &budget).await;
    let restarting = restarting.map_err(|error| failed(error.into()))?;
    target.computes_restart(&branch.project);
    restarting.wait(&budget).await.map_err(|error| failed(error.into()))?;
    target.computes_restart(&branch.project);
    Ok(true)
}
