//! Changes of the list of addresses, and looks at whether the provider may still connect.
//!
//! Neon's proxy keeps lists for minutes and is told of a change once more about 20 s later (neondatabase/neon,
//! `proxy/src/config.rs` and `proxy/src/redis`): an address that was just excluded may still get in, and one that was just added
//! may still be refused. So one look proves nothing.

use std::time::Duration;

use tfplugin::{Diagnostic, Diagnostics};
use tokio::time::Instant;

use super::messages;
use super::model::{Model, OnDestroy};
use crate::handler::{Call, removed_with_its_container};
use crate::neon::{AllowedIps, Branch, Budget, Edit, ProjectId};
use crate::postgres;
use crate::target::{self, Database, Error, Server};

/// How often a list is written again that somebody else has overwritten meanwhile.
const ROUNDS: u32 = 5;

/// Adds and removes entries, and undoes that if the provider is refused afterwards. From the request on the object is in the state.
pub(super) async fn change(
    call: &Call<'_>,
    plan: &Model,
    prior: Option<&Model>,
    project: &ProjectId,
) -> Result<Model, Diagnostics> {
    let edit = plan.edit(prior)?;
    let wanted = |before: &AllowedIps| {
        let after = edit.apply(before);
        plan.refusal(project, before, &after).map_or(Ok(after), Err)
    };
    let checkpoint = |before: &AllowedIps| call.cx().checkpoint(&plan.clone().applied(prior, before));
    let before = write(call, project, wanted, checkpoint).await?;
    checkpoint(&before);
    let after = edit.apply(&before);
    if before != after {
        let narrower = after.is_narrower_than(&before);
        let place = place(call, project, &after).await;
        let looks = Looks { narrower, delay: call.cx().data().ip_allow_delay() };
        match looks.take(&call.budget(), || look(call, &place)).await {
            Look::Refused(why) if narrower => {
                restore(call, project, &Edit::back(&before, &after), &why).await?;
                call.cx().forget_checkpoint();
                return Err(messages::restored(project, &before, &why).into());
            }
            Look::Refused(why) => call.cx().warn(messages::not_admitted(project, &why)),
            Look::Unseen(why) if narrower => call.cx().warn(messages::not_seen(project, &why)),
            Look::Admitted | Look::Unseen(_) => {}
        }
    }
    Ok(plan.clone().applied(prior, &before))
}

/// Removes the entries that the resource added. A list that would be empty is left as it is, unless `on_destroy` says otherwise.
pub(super) async fn remove(call: &Call<'_>, state: &Model, project: &ProjectId) -> Result<(), Diagnostics> {
    let edit = Edit::new([], &state.own()?, None);
    let opens = state.on_destroy.known() == Some(&OnDestroy::Open);
    let wanted = |before: &AllowedIps| {
        let after = edit.apply(before);
        Ok(if after.is_open() && !opens { before.clone() } else { after })
    };
    if let Err(error) = call.target().project_now(project, &call.budget()).await {
        return removed_with_its_container(call, &error).await;
    }
    let before = write(call, project, wanted, |_| ()).await?;
    let after = edit.apply(&before);
    if after.is_open() && !before.is_open() {
        call.cx().warn(if opens { messages::opened(project) } else { messages::kept_last(project, &before) });
    } else if let Some(address) = state.provider_address.known().filter(|it| !after.admits(**it)) {
        call.cx().warn(messages::leaves_the_provider_outside(project, *address));
    }
    Ok(())
}

/// Writes what `wanted` makes of the list, waits for the operations, and reads it back until it is as wanted: another process may
/// have computed its list from an older one and written it since. Returns the list before the first change. `begun` is called with
/// that as soon as a request was accepted.
async fn write(
    call: &Call<'_>,
    project: &ProjectId,
    wanted: impl Fn(&AllowedIps) -> Result<AllowedIps, Diagnostic> + Send + Sync,
    begun: impl Fn(&AllowedIps),
) -> Result<AllowedIps, Diagnostics> {
    let (target, budget) = (call.target(), call.budget());
    let failed = |error: Error| call.failed(&error);
    let client = target.neon().map_err(failed)?;
    let mut first: Option<AllowedIps> = None;
    for _ in 0..ROUNDS {
        let found = target.project_now(project, &budget).await.map_err(failed)?;
        let list = found.allowed_ips();
        if wanted(&list)? == list {
            return Ok(first.unwrap_or(list));
        }
        call.may_change(&found).map_or(Ok(()), Err)?;
        let changed = client.change_allowed_ips(project, &wanted, &budget).await;
        let changed = changed.map_err(|error| failed(error.into()))??;
        let before = first.get_or_insert(changed.before);
        let Some(pending) = changed.pending else { continue };
        begun(before);
        pending.wait(&budget).await.map_err(|error| failed(error.into()))?;
        target.wrote_project(project);
        // Time for a process that had read the list before this change and writes it just after.
        let _ = budget.sleep(call.cx().data().ip_allow_delay() / 25).await;
    }
    Err(messages::overwritten(project).into())
}

/// Puts the old list back, except what others changed since.
async fn restore(call: &Call<'_>, project: &ProjectId, back: &Edit, why: &str) -> Result<(), Diagnostics> {
    let restored = write(call, project, |list| Ok(back.apply(list)), |_| ()).await;
    restored.map(drop).map_err(|failed| messages::not_restored(project, why, failed))
}

/// What a try to connect says of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Admitted,
    /// With the proxy's sentence, which names the address.
    Refused(String),
    /// Something else keeps the provider from connecting.
    Unseen(String),
}

/// When to look: at once, after a delay by which the proxy knows the list, and then until it admits or time is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    /// Whether the change can refuse somebody who was admitted: then a first admission proves nothing.
    pub(super) narrower: bool,
    /// By then the proxy has been told of the list a second time.
    pub(super) delay: Duration,
}

impl Looks {
    /// The last look. With a delay of 25 s it comes within a minute.
    pub(super) async fn take<F: Future<Output = Look>>(self, budget: &Budget, look: impl Fn() -> F) -> Look {
        let begun = Instant::now();
        match look().await {
            Look::Admitted if self.narrower => {}
            Look::Refused(_) => {}
            done => return done,
        }
        let (mut wait, pause) = (self.delay, self.delay / 5);
        loop {
            if budget.sleep(wait).await.is_err() {
                return Look::Unseen("the run ended before the list could be checked again".to_owned());
            }
            wait = pause;
            let last = look().await;
            let is_over = begun.elapsed() + wait > self.delay * 12 / 5;
            if is_over || !matches!(last, Look::Refused(_)) {
                return last;
            }
        }
    }
}

/// A database of a branch to which the list applies; `None` if there is no such branch.
async fn place(call: &Call<'_>, project: &ProjectId, list: &AllowedIps) -> Result<Option<Database>, Error> {
    let (client, budget) = (call.target().neon()?, call.budget());
    let is_meant = |it: &Branch| if list.protected_branches_only { it.protected } else { it.is_default() };
    let Some(branch) = client.find_branch(project, is_meant, &budget).await? else { return Ok(None) };
    let databases = client.list_databases(project, &branch.id, &budget).await?;
    let Some(first) = databases.into_iter().next() else { return Ok(None) };
    let server = Server::neon(project.clone(), branch.id);
    Ok(Some(Database { server, name: target::database_name(&first.name)? }))
}

async fn look(call: &Call<'_>, place: &Result<Option<Database>, Error>) -> Look {
    let at = match place {
        Ok(Some(at)) => at,
        Ok(None) => return Look::Admitted,
        Err(error) => return Look::Unseen(error.to_string()),
    };
    match call.target().try_to_connect(at, &call.budget(), "checking IP Allow").await {
        Ok(()) => Look::Admitted,
        Err(Error::Postgres(error)) if error.kind() == postgres::Kind::IpNotAllowed => {
            Look::Refused(error.message().to_owned())
        }
        Err(error) => Look::Unseen(error.to_string()),
    }
}
