//! Giving and taking back, each in one transaction that reads what is there first.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join3};
use tfplugin::{Attr, Diagnostics};

use super::refusal::{self, Owners};
use super::scope::{Facts, Future, Scope};
use crate::context::Context;
use crate::postgres::grant::{self, Entry};
use crate::postgres::privilege::{self, Holdings};
use crate::postgres::{self, Connection, Kind, RoleName, Stop, Tx, database, settings, table};
use crate::resources::access;
use crate::session::{NaturalKey, Place};

/// What a grant was before an update.
pub(super) struct Before {
    pub(super) scope: Scope,
    pub(super) preexisting: BTreeSet<Entry>,
}

/// What a transaction came to.
#[derive(Clone, Debug)]
struct Given {
    /// Held before, and not by this run.
    found: BTreeSet<Entry>,
    /// Given now.
    granted: BTreeSet<Entry>,
    /// All that the role is to hold.
    entries: BTreeSet<Entry>,
    /// The role that gave it.
    writer: RoleName,
    /// Owners whose future tables could not be covered.
    out_of_reach: BTreeSet<RoleName>,
    /// Of the former scope, what could not be taken back.
    left: BTreeSet<Entry>,
}

/// What the transaction works with.
struct World {
    facts: Facts,
    owners: Owners,
    /// What the role holds; `None` if there is no such role.
    held: Option<Holdings>,
}

/// Gives what is missing, and takes back what an update leaves out. Returns what was there before.
pub(super) async fn give(
    cx: &Context,
    place: &Place,
    connect_as: &Attr<String>,
    scope: &Scope,
    before: Option<&Before>,
) -> Result<BTreeSet<Entry>, Diagnostics> {
    let session = &cx.data().session;
    let doing = format!("grant privileges to role `{}`", scope.role);
    let found_first = Mutex::new(None);
    let found_first_ref = &found_first;
    let work = |connection: Tx| async move {
        access::unless_cancelled(cx)?;
        let given = attempt(cx, &connection, place, scope, before).await?;
        *found_first_ref.lock().unwrap_or_else(PoisonError::into_inner) = Some(given.found.clone());
        Ok(given)
    };
    let mut connection = access::writer(cx, place, connect_as, &doing).await?;
    let mut given = connection.transaction(work).await.map_err(Stop::into_error);
    if given.as_ref().is_err_and(|it| it.kind() == Kind::CommitUnknown) {
        // Once more: it gives only what is missing. What the first one gave was not there before.
        let noted = found_first.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        given = connection
            .transaction(work)
            .await
            .map_err(Stop::into_error)
            .map(|it| Given { found: &it.found & &noted, ..it });
    }
    drop(connection);
    session.wrote(place);
    let given = given.map_err(|it| refusal::explain(&doing, scope, &it))?;

    for entry in &given.entries {
        session.natural_keys().remember(key(place, &scope.role, entry));
    }
    if !given.out_of_reach.is_empty() {
        cx.warn(refusal::future_tables_left_out(&given.writer, &given.out_of_reach));
    }
    if !given.left.is_empty() {
        cx.warn(refusal::not_taken_back(&scope.role, &given.left));
    }
    let mut preexisting = given.found;
    if let Some(before) = before {
        preexisting.extend(before.preexisting.iter().filter(|it| !given.granted.contains(*it)).cloned());
    }
    Ok(preexisting)
}

async fn attempt(
    cx: &Context,
    connection: &Connection,
    place: &Place,
    scope: &Scope,
    before: Option<&Before>,
) -> postgres::Result<Given> {
    let World { facts, owners, held } = look(connection, place, &scope.role).await?;
    let Some(held) = held else { return Err(refusal::no_such_role(&scope.role)) };
    let out_of_reach = scope.out_of_reach(&facts);
    if matches!(scope.future, Future::Of(_)) && !out_of_reach.is_empty() {
        return Err(refusal::future_tables_refused(&facts.writer, &out_of_reach));
    }
    let wanted = scope.wanted(&facts);
    let entries = wanted.entries(&facts.tables);
    let missing = wanted.missing(&facts.tables, &held);
    let new = |entry: &&Entry| before.is_none_or(|it| !it.scope.covers(entry, &facts.tables));
    let found = entries.iter().filter(|it| grant::holds(&held, it)).filter(new);
    let found = found.filter(|it| !is_ours(cx, place, &scope.role, it) && !is_shared(&held, it)).cloned().collect();

    let to_take = before.map(|before| {
        let mut keep: BTreeSet<Entry> = &before.preexisting | &entries;
        // Of the owners found once, some may own nothing now: what was set for them stays in scope.
        keep.extend(futures(&held).filter(|it| scope.covers(it, &facts.tables)));
        taken(cx, place, &before.scope, &facts, &owners, &held, keep)
    });
    let (take, left) = to_take.unwrap_or_default();
    let statements = grant::grant(&scope.role, &missing, &facts.tables);
    let run = connection.run(&statements).await;
    run.map_err(|it| refusal::with_owners(it, &missing, &facts, &owners))?;
    connection.run(&grant::revoke(&scope.role, &take, &facts.tables)).await?;
    if !missing.is_empty() {
        // A grant that the server takes for nothing is only a warning there (01007).
        let held = privilege::read(connection, &scope.role).await?.unwrap_or_default();
        let still = wanted.missing(&facts.tables, &held);
        if !still.is_empty() {
            return Err(refusal::nothing_granted(&still, &facts, &owners));
        }
    }
    Ok(Given { found, granted: missing, entries, writer: facts.writer, out_of_reach, left })
}

/// Takes back what the role holds in the scope, save what was there before.
pub(super) async fn take_back(
    cx: &Context,
    place: &Place,
    connect_as: &Attr<String>,
    scope: &Scope,
    preexisting: &BTreeSet<Entry>,
) -> Result<(), Diagnostics> {
    let session = &cx.data().session;
    let what = format!("privileges of role `{}`", scope.role);
    let doing = format!("take back the {what}");
    let mut connection = match access::remover(cx, place, connect_as, &doing, access::Company::Shared).await {
        Ok(connection) => connection,
        Err(error) => return access::removed_with_its_container(cx, &what, &place.project, &error).await,
    };
    let work = |connection: Tx| async move {
        access::unless_cancelled(cx)?;
        let World { facts, owners, held } = look(&connection, place, &scope.role).await?;
        // Gone already, with its role.
        let Some(held) = held else { return Ok(BTreeSet::new()) };
        let (take, mut left) = taken(cx, place, scope, &facts, &owners, &held, preexisting.clone());
        connection.run(&grant::revoke(&scope.role, &take, &facts.tables)).await?;
        let after = privilege::read(&connection, &scope.role).await?.unwrap_or_default();
        left.extend(take.into_iter().filter(|it| grant::holds(&after, it) && !is_of_every_schema(&after, it)));
        Ok(left)
    };
    let mut done = connection.transaction(work).await.map_err(Stop::into_error);
    if done.as_ref().is_err_and(|it| it.kind() == Kind::CommitUnknown) {
        done = connection.transaction(work).await.map_err(Stop::into_error);
    }
    drop(connection);
    session.wrote(place);
    let left = done.map_err(|it| refusal::explain(&doing, scope, &it))?;
    if !left.is_empty() {
        cx.warn(refusal::not_taken_back(&scope.role, &left));
    }
    Ok(())
}

/// The advisory lock, then all that the change depends on.
async fn look(connection: &Connection, place: &Place, role: &RoleName) -> postgres::Result<World> {
    connection.run(&grant::lock()).await?;
    let (objects, roles) = try_join(
        try_join3(table::read_all(connection), table::schemas(connection), database::read_all(connection)),
        try_join3(
            settings::read(connection),
            privilege::may_act_for(connection, None),
            privilege::read(connection, role),
        ),
    )
    .await?;
    let (tables, schemas, databases) = objects;
    let (settings, may_act_for, held) = roles;
    let database = databases.get(&place.database).map(|it| it.owner.clone());
    let facts = Facts { tables, writer: settings.current_user, may_act_for };
    Ok(World { facts, owners: Owners { schemas, database }, held })
}

/// What of a scope is taken back, and what should be and is not ours to take.
fn taken(
    cx: &Context,
    place: &Place,
    scope: &Scope,
    facts: &Facts,
    owners: &Owners,
    held: &Holdings,
    mut keep: BTreeSet<Entry>,
) -> (BTreeSet<Entry>, BTreeSet<Entry>) {
    let mut left = BTreeSet::new();
    // Default privileges that the scope does not speak of were set by others.
    keep.extend(futures(held).filter(|it| !scope.covers(it, &facts.tables)));
    let wanted = scope.wanted(facts);
    loop {
        let take = wanted.to_take_back(&facts.tables, held, &keep);
        let (ours, others): (BTreeSet<Entry>, BTreeSet<Entry>) =
            take.into_iter().partition(|it| !is_ours(cx, place, &scope.role, it) && owners.may_take(it, held, facts));
        if others.is_empty() {
            return (ours, left);
        }
        left.extend(others.iter().filter(|it| !is_ours(cx, place, &scope.role, it)).cloned());
        // What stays may need the USAGE and CONNECT above it.
        keep.extend(others);
    }
}

/// The default privileges that a role holds, as entries.
fn futures(held: &Holdings) -> impl Iterator<Item = Entry> + '_ {
    held.future.iter().flat_map(|((owner, schema), privileges)| {
        schema.iter().flat_map(move |schema| {
            privileges.iter().map(move |privilege| Entry::Future {
                owner: owner.clone(),
                schema: schema.clone(),
                privilege: *privilege,
            })
        })
    })
}

/// An entry that a default without a schema stands for: there is nothing to take back in this schema.
fn is_of_every_schema(held: &Holdings, entry: &Entry) -> bool {
    match entry {
        Entry::Future { owner, schema, privilege } => {
            !held.future.get(&(owner.clone(), Some(schema.clone()))).is_some_and(|it| it.contains(privilege))
        }
        _ => false,
    }
}

/// USAGE and CONNECT that other privileges beneath them need: whoever gave those gave these with them, and the last one
/// to go takes them along.
fn is_shared(held: &Holdings, entry: &Entry) -> bool {
    match entry {
        Entry::Usage(schema) => !held.is_empty_beneath(schema),
        Entry::Connect(_) => !held.is_empty_beneath_database(),
        Entry::Table(..) | Entry::Future { .. } => false,
    }
}

fn key(place: &Place, role: &RoleName, entry: &Entry) -> NaturalKey {
    let entry = serde_json::to_string(entry).unwrap_or_else(|_| entry.to_string());
    NaturalKey::new(
        "grant",
        [place.project.as_str(), place.branch.as_str(), place.database.as_str(), role.as_str(), &entry],
    )
}

/// Whether this process gave it, or took it over.
fn is_ours(cx: &Context, place: &Place, role: &RoleName, entry: &Entry) -> bool {
    cx.data().session.natural_keys().holds(&key(place, role, entry))
}
