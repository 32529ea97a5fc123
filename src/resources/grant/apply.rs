//! The transactions of a grant. Each reads what the role has first, and again after a REVOKE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use tfplugin::{AttributePath, Diagnostics, path};

use super::messages;
use super::model::{Future, Left, Model, Scope};
use super::private::Ledger;
use crate::handler::{Db, Stop};
use crate::postgres::acl::{self, Difference, Found, Key, Name, Object, Rights};
use crate::postgres::marks::Nonce;
use crate::postgres::{self, Connection, Kind, RoleName, TableName, Tx, Usage, advisory_lock, savepoint, table};
use crate::target::{GrantId, NaturalKey};

/// Tables per GRANT or REVOKE: of what fails, no more than that runs again.
const BATCH: usize = 50;

/// What a transaction came to.
struct Done {
    found: Found,
    ledger: Ledger,
    /// What the role shall have and could not be granted, on tables that are only in a schema.
    left_out: Rights,
    /// Owners whose future tables could not be covered.
    out_of_reach: BTreeSet<RoleName>,
    left: Left,
}

/// What an update starts from.
enum Before {
    Managed(Scope),
    /// It was imported: what the role has beyond the configuration is left as found.
    Imported,
}

/// Grants what is missing, and claims it for this instance. Returns what is missing still.
pub(super) async fn create(db: &Db<'_>, plan: &Model) -> Result<BTreeSet<String>, Diagnostics> {
    give(db, plan, None).await
}

/// Grants what is missing, and revokes what the plan leaves out.
pub(super) async fn update(db: &Db<'_>, prior: &Model, plan: &Model) -> Result<BTreeSet<String>, Diagnostics> {
    let before = if prior.is_imported() { Before::Imported } else { Before::Managed(prior.scope()?) };
    give(db, plan, Some(&before)).await
}

async fn give(db: &Db<'_>, plan: &Model, before: Option<&Before>) -> Result<BTreeSet<String>, Diagnostics> {
    let (call, scope, writer) = (db.call(), plan.scope()?, writer(db, plan).await?);
    let _turn = db.turn_to_grant().await?;
    let nonce = call.claim(&GrantId { database: db.at().clone(), role: scope.role.clone() });
    // After a lost COMMIT the work runs again and finds what it granted itself: what the first run noted counts.
    let first: Mutex<Option<Ledger>> = Mutex::default();
    let done = db
        .transaction(&plan.connect_as, async |tx, attempt| {
            let mut done = attempt_to_give(db, &tx, &scope, &writer, before).await?;
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            match first.as_ref().filter(|_| attempt.after_lost_commit) {
                Some(noted) => done.ledger = noted.clone(),
                None => *first = Some(done.ledger.clone()),
            }
            // Before the lock is released, so that a waiting delete of another instance sees it.
            for key in scope.wanted(&done.found, &writer).keys() {
                call.target().natural_keys().remember(natural_key(db, &scope.role, key), nonce.clone());
            }
            Ok(done)
        })
        .await;
    let done = done.map_err(|stop| stop.explain(call, at))?;
    done.ledger.store(call.cx());
    if !done.left_out.is_empty() {
        call.cx().warn(messages::left_out(&done.left_out, &done.found));
    }
    if !done.out_of_reach.is_empty() {
        call.cx().warn(messages::future_tables_left_out(&scope, &writer, &done.out_of_reach));
    }
    if !done.left.is_empty() {
        call.cx().warn(messages::kept(&scope.role, &done.left));
    }
    Ok(described(&done.left_out).collect())
}

async fn attempt_to_give(
    db: &Db<'_>,
    tx: &Tx,
    scope: &Scope,
    writer: &RoleName,
    before: Option<&Before>,
) -> Result<Done, Stop> {
    let ledger = Ledger::load(db.call().cx());
    let former = match before {
        Some(Before::Managed(former)) => Some(former),
        Some(Before::Imported) | None => None,
    };
    let all = scope.to_read(former, &ledger);
    let mut owners = scope.named_owners();
    owners.insert(writer.clone());
    let (_, found) = tx.run_and(&advisory_lock::take(), acl::read(tx, &all, &owners)).await?;
    let mut found = found.ok_or_else(|| messages::missing_role(&scope.role))?;
    unless_absent(scope, &found, tx)?;
    let out_of_reach = scope.out_of_reach(&found, writer);
    if matches!(scope.future, Future::These(_)) && !out_of_reach.is_empty() {
        return Err(messages::future_tables_refused(writer, &out_of_reach).into());
    }
    let wanted = scope.wanted(&found, writer);
    // The notes of another database say nothing of this one.
    let notes = before.filter(|_| ledger.is_of(&found)).map(|it| (it, ledger.of(&found)));
    let before_all = noted(db, scope, &found, &wanted, notes);

    let mut keep: BTreeSet<Key> = before_all.clone();
    keep.extend(scope.covered(&found).into_keys());
    let mut difference = match former {
        Some(former) => to_revoke(db, &found, &all, &former.covered(&found), &keep),
        None => Difference::default(),
    };
    if scope.is_authoritative && !matches!(before, Some(Before::Imported)) {
        let surplus = to_revoke(db, &found, &all, &scope.everything(&found), &wanted.keys().copied().collect());
        difference.revoke.extend(surplus.revoke);
        difference.left.extend(surplus.left);
    }
    let left_out = grant_all(tx, scope, writer, &all, &owners, &mut found).await?;
    let left = revoke_all(tx, scope, &all, &owners, &mut found, &difference).await?;
    let ledger = Ledger::new(&found, before_all, &scope.wanted(&found, writer));
    Ok(Done { found, ledger, left_out, out_of_reach, left })
}

/// What the role had before this grant. Another instance of this process may have granted it just now: that is not found.
fn noted(
    db: &Db<'_>,
    scope: &Scope,
    found: &Found,
    wanted: &Rights,
    notes: Option<(&Before, BTreeSet<Key>)>,
) -> BTreeSet<Key> {
    let held = |rights: &Rights| -> BTreeSet<Key> {
        let mine = rights.iter().filter(|(key, name)| found.holds(key, name));
        mine.map(|(key, _)| *key).filter(|key| !is_of_another(db, &scope.role, key)).collect()
    };
    match notes {
        None => held(wanted),
        Some((Before::Imported, _)) => {
            held(&scope.everything(found)).into_iter().filter(|it| !wanted.contains_key(it)).collect()
        }
        Some((Before::Managed(former), noted)) => {
            let (covered, missing) = (former.covered(found), found.missing(wanted));
            let new = held(wanted).into_iter().filter(|it| !covered.contains_key(it));
            noted.into_iter().filter(|it| !missing.contains_key(it)).chain(new).collect()
        }
    }
}

/// Grants what is missing, batch by batch. Returns what only other owners can grant.
async fn grant_all(
    tx: &Connection,
    scope: &Scope,
    writer: &RoleName,
    all: &acl::Scope,
    owners: &BTreeSet<RoleName>,
    found: &mut Found,
) -> Result<Rights, Stop> {
    let missing = found.missing(&scope.wanted(found, writer));
    let (left_out, to_give): (Rights, Rights) =
        missing.into_iter().partition(|(key, name)| scope.is_only_in_schema(name) && !may_grant(found, key, name));
    if to_give.is_empty() {
        return Ok(left_out);
    }
    let refused = |error| messages::refused(error, &to_give, found);
    let now = run(tx, all, owners, &to_give, acl::grant, refused).await?;
    *found = now.ok_or_else(|| messages::missing_role(&scope.role))?;
    unless_absent(scope, found, tx)?;
    // A GRANT that does nothing is only a warning of the server (SQLSTATE 01007). A table that appeared meanwhile shows as
    // missing in the next plan: waiting for a quiet moment may never end.
    let still: Rights = found.missing(&to_give).into_iter().filter(|(key, name)| exists(found, key, name)).collect();
    if still.is_empty() { Ok(left_out) } else { Err(messages::nothing_granted(&still, found).into()) }
}

/// Revokes, puts back the privileges on columns that a REVOKE took along, and tells what the role has still.
async fn revoke_all(
    tx: &Connection,
    scope: &Scope,
    all: &acl::Scope,
    owners: &BTreeSet<RoleName>,
    found: &mut Found,
    difference: &Difference,
) -> Result<Left, Stop> {
    let mut left = told(found, &difference.left);
    if difference.revoke.is_empty() {
        return Ok(left);
    }
    let before = found.clone();
    let now = run(tx, all, owners, &difference.revoke, acl::revoke, Stop::Server).await?;
    *found = now.ok_or_else(|| messages::missing_role(&scope.role))?;
    tx.run(&acl::lost_columns(&before, found)).await?;
    left.extend(still_held(found, difference));
    Ok(left)
}

/// What the role has after a REVOKE, by the grants of others.
fn still_held(found: &Found, difference: &Difference) -> Left {
    let still = difference.revoke.iter().filter(|(key, name)| is_still_held(found, key, name));
    told(found, &still.map(owned).collect())
}

/// Runs the statements of some rights in batches, and reads the scope again with the last one. Tables come and go
/// meanwhile: a batch that misses one runs again without it.
async fn run(
    tx: &Connection,
    all: &acl::Scope,
    owners: &BTreeSet<RoleName>,
    rights: &Rights,
    statements: fn(&RoleName, &Rights) -> Vec<postgres::Statement>,
    refused: impl Fn(postgres::Error) -> Stop,
) -> Result<Option<Found>, Stop> {
    let batches = batches(rights);
    let count = batches.len();
    for (at, mut batch) in batches.into_iter().enumerate() {
        let is_last = at + 1 == count;
        while !batch.is_empty() {
            let statements = statements(&all.role, &batch);
            let read = async { if is_last { acl::read(tx, all, owners).await } else { Ok(None) } };
            let done = savepoint::run_and(tx, &statements, postgres::Error::is_of_vanished, read).await;
            let error = match done.map_err(&refused)? {
                Ok(found) if is_last => return Ok(found),
                Ok(_) => break,
                Err(error) => error,
            };
            let before = batch.len();
            let tables = batch.values().filter_map(table_of).cloned().collect();
            let there = table::read(tx, &tables).await?;
            keep_those_there(&mut batch, |name| there.get(name).map(|now| now.oid));
            // An event trigger may miss an object of its own: then nothing of the batch has vanished, and the error stands.
            if batch.len() == before {
                return Err(error.into());
            }
        }
    }
    Ok(acl::read(tx, all, owners).await?)
}

/// Keeps the rights on tables that are there still. One that was dropped and created again under its name is another table.
pub(super) fn keep_those_there(rights: &mut Rights, oid_of: impl Fn(&TableName) -> Option<u32>) {
    rights.retain(|key, name| {
        table_of(name).is_none_or(|table| oid_of(table).is_some_and(|oid| key.object == Object::Table(oid)))
    });
}

fn table_of(name: &Name) -> Option<&TableName> {
    match name {
        Name::Table(table) => Some(table),
        Name::Database(_) | Name::Schema(_) | Name::Future { .. } => None,
    }
}

/// Rights in batches, with so many tables each: what is above tables goes with the first, future tables with the last.
fn batches(rights: &Rights) -> Vec<Rights> {
    let mut above = Rights::new();
    let mut future = Rights::new();
    let mut by_table: BTreeMap<&TableName, Rights> = BTreeMap::new();
    for (key, name) in rights {
        let list = match name {
            Name::Database(_) | Name::Schema(_) => &mut above,
            Name::Future { .. } => &mut future,
            Name::Table(table) => by_table.entry(table).or_default(),
        };
        list.insert(*key, name.clone());
    }
    let mut by_oid: Vec<Rights> = by_table.into_values().collect();
    by_oid.sort();
    let mut batches: Vec<Rights> =
        by_oid.chunks(BATCH).map(|batch| batch.iter().flatten().map(owned).collect()).collect();
    if batches.is_empty() {
        batches.push(Rights::new());
    }
    if let Some(first) = batches.first_mut() {
        first.extend(above);
    }
    if let Some(last) = batches.last_mut() {
        last.extend(future);
    }
    batches
}

fn owned((key, name): (&Key, &Name)) -> (Key, Name) {
    (*key, name.clone())
}

/// Revokes what the role has in the scope, except what was found there.
pub(super) async fn delete(db: &Db<'_>, state: &Model) -> Result<(), Diagnostics> {
    let (call, scope) = (db.call(), state.scope()?);
    call.leaves(&GrantId { database: db.at().clone(), role: scope.role.clone() });
    if state.is_imported() {
        call.cx().warn(messages::kept_after_import(&scope.role));
        return Ok(());
    }
    let ledger = Ledger::load(call.cx());
    let _turn = db.turn_to_grant().await?;
    let Some(mut session) = db.remover(&state.connect_as, Usage::Write).await? else { return Ok(()) };
    let mut left = remove(db, &mut session, &scope, &ledger, Revoking::AtOnce).await;
    if matches!(&left, Err(Stop::Server(error)) if error.is_of_vanished()) {
        left = remove(db, &mut session, &scope, &ledger, Revoking::InBatches).await;
    }
    let left = left.map_err(|stop| stop.explain(call, at))?;
    if !left.is_empty() {
        call.cx().warn(messages::kept(&scope.role, &left));
    }
    Ok(())
}

/// How privileges are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revoking {
    /// With COMMIT in one round trip. Fails if a table is dropped meanwhile.
    AtOnce,
    /// Batch by batch: a table that is dropped meanwhile is left out.
    InBatches,
}

async fn remove(
    db: &Db<'_>,
    session: &mut postgres::Session,
    scope: &Scope,
    ledger: &Ledger,
    revoking: Revoking,
) -> Result<Left, Stop> {
    let (all, owners) = (scope.to_read(None, ledger), scope.named_owners());
    let shared: Vec<Scope> = db.call().departs();
    db.transaction_on(session, async |tx, _| {
        let (_, found) = tx.run_and(&advisory_lock::take(), acl::read(&tx, &all, &owners)).await?;
        // Its role is gone, and so are the privileges.
        let Some(mut found) = found else { return Ok(Left::new()) };
        if !ledger.is_of(&found) {
            return Err(messages::restored(&scope.role).into());
        }
        let mut rights = scope.covered(&found);
        rights.extend(found.granted(&all, &scope.privileges));
        let mut keep = ledger.of(&found);
        // Of grants that share nothing, the catalog says what they need.
        keep.extend(shared.iter().filter(|it| it.shares_with(scope)).flat_map(|it| it.covered(&found).into_keys()));
        let difference = to_revoke(db, &found, &all, &rights, &keep);
        // Before the lock is released.
        release(db, &scope.role, rights.keys());
        let at_once = revoking == Revoking::AtOnce && !difference.revoke.is_empty() && !takes_columns_along(&found);
        if !at_once {
            return revoke_all(&tx, scope, &all, &owners, &mut found, &difference).await;
        }
        let statements = acl::revoke(&scope.role, &difference.revoke);
        let now = tx.commit(&statements, acl::read(&tx, &all, &owners)).await?;
        let mut left = told(&found, &difference.left);
        left.extend(now.map(|now| still_held(&now, &difference)).unwrap_or_default());
        Ok(left)
    })
    .await
}

/// Whether a REVOKE may take privileges on columns along, which are then granted again.
fn takes_columns_along(found: &Found) -> bool {
    found.tables.values().any(|it| !it.columns.is_empty())
}

/// What of some rights is revoked. What another instance of this process granted stays, without a word.
fn to_revoke(db: &Db<'_>, found: &Found, all: &acl::Scope, rights: &Rights, keep: &BTreeSet<Key>) -> Difference {
    let role = &all.role;
    let of_another = rights.keys().filter(|it| is_of_another(db, role, it)).copied();
    found.to_revoke(all, rights, &keep.iter().copied().chain(of_another).collect())
}

/// Refuses a scope whose members do not exist, or whose privileges the server does not have, with their names.
fn unless_absent(scope: &Scope, found: &Found, tx: &Connection) -> Result<(), Stop> {
    if scope.wants_maintain() && !tx.version().has_maintain() {
        return Err(messages::no_maintain(tx.version()).into());
    }
    let schemas: BTreeSet<_> = scope.schemas.iter().filter(|it| !found.schemas.contains_key(*it)).collect();
    if !schemas.is_empty() {
        return Err(messages::missing_schemas(&schemas).into());
    }
    let tables: BTreeSet<_> = scope.tables.iter().filter(|it| !found.tables.contains_key(*it)).collect();
    if tables.is_empty() { Ok(()) } else { Err(messages::missing_tables(&tables).into()) }
}

/// Whether the connected role can grant a privilege on a table: it acts for the owner, or has a grant option.
fn may_grant(found: &Found, key: &Key, name: &Name) -> bool {
    let Name::Table(table) = name else { return true };
    let Some(it) = found.tables.get(table) else { return true };
    let option = it.grant_options.iter().any(|option| acl::Right::Table(*option) == key.right);
    option || found.membership.acts_for(&it.table.owner)
}

/// Whether the object is there still. A table that was dropped and created again under its name is another table.
pub(super) fn exists(found: &Found, key: &Key, name: &Name) -> bool {
    match name {
        Name::Database(_) => true,
        Name::Schema(schema) | Name::Future { schema, .. } => found.schemas.contains_key(schema),
        Name::Table(table) => found.tables.get(table).is_some_and(|it| key.object == Object::Table(it.table.oid)),
    }
}

/// Whether a REVOKE left something. A default privilege without a schema stands for every schema, and stays.
fn is_still_held(found: &Found, key: &Key, name: &Name) -> bool {
    match name {
        Name::Future { owner, schema } => {
            let here = found.future.get(&(owner.clone(), Some(schema.clone())));
            here.is_some_and(|(_, held)| held.iter().any(|it| acl::Right::Table(*it) == key.right))
        }
        _ => found.holds(key, name),
    }
}

fn told(found: &Found, rights: &Rights) -> Left {
    rights.iter().map(|(key, name)| (acl::describe(key, name), found.grantors(key, name))).collect()
}

pub(super) fn described(rights: &Rights) -> impl Iterator<Item = String> + '_ {
    rights.iter().map(|(key, name)| acl::describe(key, name))
}

async fn writer(db: &Db<'_>, plan: &Model) -> Result<RoleName, Diagnostics> {
    if let Some(role) = plan.connect_as.known() {
        return Ok(role.clone());
    }
    let call = db.call();
    call.target().default_role(db.at(), &call.budget()).await.map_err(|error| call.failed(&error))
}

fn natural_key(db: &Db<'_>, role: &RoleName, key: &Key) -> NaturalKey {
    let key = format!("{key:?}");
    NaturalKey::new("privilege", db.at().parts().into_iter().chain([role.as_str(), key.as_str()]))
}

/// Whether another instance of this process granted or adopted it.
fn is_of_another(db: &Db<'_>, role: &RoleName, key: &Key) -> bool {
    let own: Option<Nonce> = db.call().nonce();
    db.call().target().natural_keys().is_held_by_another(&natural_key(db, role, key), own.as_ref())
}

/// Forgets what this instance granted, also what stays because it was found or others need it.
fn release<'k>(db: &Db<'_>, role: &RoleName, keys: impl Iterator<Item = &'k Key>) {
    for key in keys.filter(|it| !is_of_another(db, role, it)) {
        db.call().target().natural_keys().forget(&natural_key(db, role, key));
    }
}

/// The attribute that the user should look at.
fn at(error: &postgres::Error) -> AttributePath {
    match error.kind() {
        Kind::NotUnderstood => path!(privileges),
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => AttributePath::root(),
    }
}
