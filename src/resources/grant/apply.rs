//! The transactions of a grant. Each reads what the role has first, and again after a REVOKE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::{try_join, try_join4};
use tfplugin::{AttributePath, Diagnostics, path};

use super::messages;
use super::model::{Future, Model, Scope};
use crate::handler::{Call, Db, Stop};
use crate::postgres::grant::{self, Entry};
use crate::postgres::marks::Nonce;
use crate::postgres::privilege::{self, Holdings, TablePrivilege};
use crate::postgres::table::{self, Tables};
use crate::postgres::{self, Connection, Kind, RoleName, SchemaName, TableName, database, settings};
use crate::target::{Company, Database, Error, GrantId, NaturalKey, ObjectId as _};

/// In private state: the entries that the role had before the grant. Destroy leaves them.
const FOUND: &str = "preexisting";

/// What of a database decides which privileges a scope comes to, and who can grant them.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) tables: Tables,
    /// The role that writes.
    pub(super) writer: RoleName,
    /// The roles that it may act for, itself among them.
    pub(super) may_act_for: BTreeSet<RoleName>,
    /// What the writer may grant beside that, by grant options.
    pub(super) options: BTreeMap<TableName, BTreeSet<TablePrivilege>>,
    pub(super) schema_owners: BTreeMap<SchemaName, RoleName>,
    pub(super) database_owner: Option<RoleName>,
}

/// What a grant came to.
pub(super) struct Given {
    pub(super) facts: Facts,
    /// What the role has now.
    pub(super) held: Holdings,
}

/// What a transaction came to.
struct Done {
    given: Given,
    found: BTreeSet<Entry>,
    /// All that the role is to have, except what could not be granted.
    entries: BTreeSet<Entry>,
    left_out: BTreeSet<Entry>,
    /// Owners whose future tables could not be covered.
    out_of_reach: BTreeSet<RoleName>,
    /// Of the former scope, what could not be revoked.
    left: Left,
}

/// Privileges that the role keeps, and who granted them.
pub(super) type Left = BTreeMap<Entry, BTreeSet<RoleName>>;

/// What an update starts from.
enum Before {
    Managed {
        scope: Scope,
        found: BTreeSet<Entry>,
    },
    /// It was imported: what the role has beyond the configuration is left as found.
    Imported,
}

impl Facts {
    /// From what reads share. Without what only a transaction needs.
    pub(super) async fn shared(call: &Call<'_>, at: &Database, connect_as: Option<&RoleName>) -> Result<Self, Error> {
        let (target, budget) = (call.target(), call.budget());
        let tables = (*target.tables(at, &budget).await?).clone();
        let may_act_for = (*target.may_act_for(at, connect_as, &budget).await?).clone();
        let writer = match connect_as {
            Some(role) => role.clone(),
            None => target.default_role(at, &budget).await?,
        };
        Ok(Self {
            tables,
            writer,
            may_act_for,
            options: BTreeMap::new(),
            schema_owners: BTreeMap::new(),
            database_owner: None,
        })
    }

    /// All facts, and what the role has; `None` if there is no such role.
    async fn read(tx: &Connection, scope: &Scope) -> postgres::Result<(Self, Option<Holdings>)> {
        let (objects, roles) = try_join(
            try_join4(
                table::read_all(tx),
                table::schemas(tx),
                database::read_all(tx),
                privilege::grant_options(tx, None),
            ),
            try_join4(settings::read(tx), privilege::may_act_for(tx, None), privilege::read(tx, &scope.role), async {
                Ok(())
            }),
        )
        .await?;
        let (tables, schema_owners, databases, options) = objects;
        let (settings, may_act_for, held, ()) = roles;
        let facts = Self {
            tables,
            writer: settings.current_user,
            may_act_for,
            options,
            schema_owners,
            database_owner: databases.get(&scope.database).map(|it| it.owner.clone()),
        };
        Ok((facts, held))
    }

    /// The owner of what an entry is about, if that exists.
    pub(super) fn owner<'a>(&'a self, entry: &'a Entry) -> Option<&'a RoleName> {
        match entry {
            Entry::Connect(_) => self.database_owner.as_ref(),
            Entry::Usage(schema) => self.schema_owners.get(schema),
            Entry::Table(table, _) => self.tables.get(table).map(|it| &it.owner),
            Entry::Future { owner, .. } => Some(owner),
        }
    }

    /// Whether the writer acts for the owner.
    pub(super) fn is_within_reach(&self, entry: &Entry) -> bool {
        self.owner(entry).is_some_and(|it| self.may_act_for.contains(it))
    }

    /// Whether the writer can grant a privilege on a table: it acts for the owner, or has a grant option.
    fn may_grant(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Table(table, privilege) => {
                let option = || self.options.get(table).is_some_and(|it| it.contains(privilege));
                self.is_within_reach(entry) || option()
            }
            _ => self.is_within_reach(entry),
        }
    }

    /// Whether the writer can revoke an entry: it acts for the owner, or for a role that granted it.
    pub(super) fn may_revoke(&self, entry: &Entry, held: &Holdings) -> bool {
        self.is_within_reach(entry) || !self.may_act_for.is_disjoint(&grant::grantors(held, entry))
    }
}

/// Grants what is missing, and claims it for this instance.
pub(super) async fn create(db: &Db<'_>, plan: &Model) -> Result<Given, Diagnostics> {
    give(db, plan, None).await
}

/// Grants what is missing, and revokes what the plan leaves out.
pub(super) async fn update(db: &Db<'_>, prior: &Model, plan: &Model) -> Result<Given, Diagnostics> {
    let before = if prior.is_imported() {
        Before::Imported
    } else {
        Before::Managed { scope: prior.scope()?, found: found_before(db) }
    };
    give(db, plan, Some(&before)).await
}

async fn give(db: &Db<'_>, plan: &Model, before: Option<&Before>) -> Result<Given, Diagnostics> {
    let (call, scope) = (db.call(), plan.scope()?);
    let nonce = call.claim(&GrantId { database: db.at().clone(), role: scope.role.clone() });
    // After a lost COMMIT the work runs again and finds what it granted itself: what the first run found counts.
    let first: Mutex<Option<BTreeSet<Entry>>> = Mutex::default();
    let done = db
        .transaction(&plan.connect_as, async |tx, attempt| {
            let mut done = attempt_to_give(db, &tx, &scope, before).await?;
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            match first.as_ref().filter(|_| attempt.after_lost_commit) {
                Some(found) => done.found.clone_from(found),
                None => *first = Some(done.found.clone()),
            }
            // Before the lock is released, so that a waiting delete of another instance sees it.
            for entry in &done.entries {
                call.target().natural_keys().remember(key(db, &scope.role, entry), nonce.clone());
            }
            Ok(done)
        })
        .await;
    let done = done.map_err(|stop| stop.explain(call, at))?;
    call.cx().set_private(FOUND, &done.found);
    let (facts, role) = (&done.given.facts, &scope.role);
    if !done.left_out.is_empty() {
        call.cx().warn(messages::left_out(role, &done.left_out, facts));
    }
    if !done.out_of_reach.is_empty() {
        call.cx().warn(messages::future_tables_left_out(&scope, &facts.writer, &done.out_of_reach));
    }
    if !done.left.is_empty() {
        call.cx().warn(messages::kept(role, &done.left));
    }
    Ok(done.given)
}

async fn attempt_to_give(db: &Db<'_>, tx: &Connection, scope: &Scope, before: Option<&Before>) -> Result<Done, Stop> {
    tx.run(&grant::lock()).await?;
    let (facts, held) = Facts::read(tx, scope).await?;
    let held = held.ok_or_else(|| messages::missing_role(&scope.role))?;
    unless_absent(scope, &facts)?;
    let out_of_reach = scope.out_of_reach(&facts);
    if matches!(scope.future, Future::These(_)) && !out_of_reach.is_empty() {
        return Err(messages::future_tables_refused(&facts.writer, &out_of_reach).into());
    }
    let wanted = scope.wanted(&facts);
    let all = wanted.entries(&facts.tables);
    // Of the tables that are only in a schema, some may be of owners that the writer cannot act for.
    let is_foreign =
        |it: &&Entry| matches!(it, Entry::Table(table, _) if !scope.tables.contains(table)) && !facts.may_grant(it);
    let missing = wanted.missing(&facts.tables, &held);
    let left_out: BTreeSet<Entry> = missing.iter().filter(is_foreign).cloned().collect();
    let to_give = &missing - &left_out;
    let entries = &all - &left_out;
    let found = found(db, scope, &facts, &held, &entries, &to_give, before);

    let (take, mut left) = match before {
        Some(Before::Managed { scope: former, found }) => {
            let mut keep: BTreeSet<Entry> = found | &entries;
            // Of the owners found once, some may own nothing now: what was set for them stays in scope.
            keep.extend(held.entries().filter(|it| is_future(it) && scope.covers(it, &facts.tables)));
            to_revoke(db, former, &facts, &held, keep)
        }
        Some(Before::Imported) | None => (BTreeSet::new(), Left::new()),
    };
    let granted = tx.run(&grant::grant(&scope.role, &to_give, &facts.tables)).await;
    granted.map_err(|error| messages::refused(error, &scope.role, &to_give, &facts))?;
    tx.run(&grant::revoke(&scope.role, &take, &facts.tables)).await?;
    let now = if to_give.is_empty() && take.is_empty() {
        held
    } else {
        privilege::read(tx, &scope.role).await?.unwrap_or_default()
    };
    // A GRANT that does nothing is only a warning of the server (SQLSTATE 01007).
    let still: BTreeSet<Entry> = to_give.into_iter().filter(|it| !grant::holds(&now, it)).collect();
    if !still.is_empty() {
        return Err(messages::nothing_granted(&scope.role, &still, &facts).into());
    }
    left.extend(still_held(&now, take));
    Ok(Done { given: Given { facts, held: now }, found, entries, left_out, out_of_reach, left })
}

/// What the role had before this grant. Another instance of this process may have granted it just now: that is not found.
fn found(
    db: &Db<'_>,
    scope: &Scope,
    facts: &Facts,
    held: &Holdings,
    entries: &BTreeSet<Entry>,
    to_give: &BTreeSet<Entry>,
    before: Option<&Before>,
) -> BTreeSet<Entry> {
    let is_held = |it: &&Entry| grant::holds(held, it) && !is_of_another(db, &scope.role, it);
    match before {
        None => entries.iter().filter(is_held).cloned().collect(),
        Some(Before::Imported) => &scope.held(&facts.tables, held) - entries,
        Some(Before::Managed { scope: former, found }) => {
            let is_new = |it: &&Entry| !former.covers(it, &facts.tables);
            let found = found - to_give;
            found.into_iter().chain(entries.iter().filter(is_new).filter(is_held).cloned()).collect()
        }
    }
}

/// Revokes what the role has in the scope, except what was found there.
pub(super) async fn delete(db: &Db<'_>, state: &Model) -> Result<(), Diagnostics> {
    let (call, scope) = (db.call(), state.scope()?);
    call.leaves(&GrantId { database: db.at().clone(), role: scope.role.clone() });
    if state.is_imported() {
        call.cx().warn(messages::kept_after_import(&scope.role));
        return Ok(());
    }
    let found = found_before(db);
    let Some(mut session) = db.remover(&state.connect_as, Company::Shared).await? else { return Ok(()) };
    let left = db
        .transaction_on(&mut session, async |tx, _| {
            tx.run(&grant::lock()).await?;
            let (facts, held) = Facts::read(&tx, &scope).await?;
            // Its role is gone, and so are the privileges.
            let Some(held) = held else { return Ok(Left::new()) };
            let (take, mut left) = to_revoke(db, &scope, &facts, &held, found.clone());
            tx.run(&grant::revoke(&scope.role, &take, &facts.tables)).await?;
            if !take.is_empty() {
                let now = privilege::read(&tx, &scope.role).await?.unwrap_or_default();
                left.extend(still_held(&now, take));
            }
            release(db, &scope, &facts);
            Ok(left)
        })
        .await
        .map_err(|stop| stop.explain(call, at))?;
    if !left.is_empty() {
        call.cx().warn(messages::kept(&scope.role, &left));
    }
    Ok(())
}

/// Refuses a scope whose members do not exist, with their names.
fn unless_absent(scope: &Scope, facts: &Facts) -> Result<(), Stop> {
    let schemas: BTreeSet<&SchemaName> =
        scope.schemas.iter().filter(|it| !facts.schema_owners.contains_key(*it)).collect();
    if !schemas.is_empty() {
        return Err(messages::missing_schemas(&schemas).into());
    }
    let tables: BTreeSet<&TableName> = scope.tables.iter().filter(|it| facts.tables.get(it).is_none()).collect();
    if tables.is_empty() { Ok(()) } else { Err(messages::missing_tables(&tables).into()) }
}

/// What of a scope is revoked, and what should be and is not the writer's to revoke.
fn to_revoke(
    db: &Db<'_>,
    scope: &Scope,
    facts: &Facts,
    held: &Holdings,
    mut keep: BTreeSet<Entry>,
) -> (BTreeSet<Entry>, Left) {
    let mut left = Left::new();
    // Default privileges that the scope does not speak of were set by others.
    keep.extend(held.entries().filter(|it| is_future(it) && !scope.covers(it, &facts.tables)));
    let wanted = scope.wanted(facts);
    loop {
        let take = wanted.to_take_back(&facts.tables, held, &keep);
        let (ours, others): (BTreeSet<Entry>, BTreeSet<Entry>) =
            take.into_iter().partition(|it| !is_of_another(db, &scope.role, it) && facts.may_revoke(it, held));
        if others.is_empty() {
            return (ours, left);
        }
        let kept = others.iter().filter(|it| !is_of_another(db, &scope.role, it));
        left.extend(kept.map(|it| (it.clone(), grant::grantors(held, it))));
        // What stays may need the USAGE and CONNECT above it.
        keep.extend(others);
    }
}

/// What is still held after its REVOKE. A default privilege without a schema stands for every schema, and stays.
fn still_held(now: &Holdings, taken: BTreeSet<Entry>) -> Left {
    let still = taken.into_iter().filter(|it| grant::holds(now, it) && (!is_future(it) || held_in_schema(now, it)));
    still.map(|it| (it.clone(), grant::grantors(now, &it))).collect()
}

fn held_in_schema(held: &Holdings, entry: &Entry) -> bool {
    held.entries().any(|it| it == *entry)
}

fn is_future(entry: &Entry) -> bool {
    matches!(entry, Entry::Future { .. })
}

fn found_before(db: &Db<'_>) -> BTreeSet<Entry> {
    db.call().cx().private().get(FOUND).unwrap_or_default()
}

fn key(db: &Db<'_>, role: &RoleName, entry: &Entry) -> NaturalKey {
    let entry = entry.to_string();
    let parts = db.at().parts().into_iter().chain([role.as_str(), entry.as_str()]);
    NaturalKey::new("privilege", parts)
}

/// Whether another instance of this process granted or adopted it.
fn is_of_another(db: &Db<'_>, role: &RoleName, entry: &Entry) -> bool {
    let own = db.call().nonce();
    db.call().target().natural_keys().is_held_by_another(&key(db, role, entry), own.as_ref())
}

/// Forgets what this instance granted, also what stays because it was found or others need it.
fn release(db: &Db<'_>, scope: &Scope, facts: &Facts) {
    for entry in scope.wanted(facts).entries(&facts.tables) {
        if !is_of_another(db, &scope.role, &entry) {
            db.call().target().natural_keys().forget(&key(db, &scope.role, &entry));
        }
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
