//! The transactions of a publication. Each reads what is there and applies the difference to what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join3};
use tfplugin::{Attr, AttributePath, Diagnostics, path};

use super::messages;
use super::model::{Model, unsupported};
use super::private::{FILTERS, Filters, MARK, Mark};
use crate::checks::{supported_by_server, tables_have_identity};
use crate::handler::ownership::{self, Touched};
use crate::handler::{Attempt, Call, Db, Stop};
use crate::postgres::identity::{self, Problem};
use crate::postgres::marks::{Comment, Nonce};
use crate::postgres::publication::{self, Definition, Publication, Wish};
use crate::postgres::publisher::Publisher;
use crate::postgres::table::{Table, Tables};
use crate::postgres::{
    self, Connection, Kind, PublicationName, RoleName, ServerVersion, SlotName, Statement, TableName, Tx, Usage,
    publisher, role, settings, slot, table, walsender,
};
use crate::target::{ObjectId as _, PublicationId};

/// How often a change runs again because of what others did with its tables.
const RUNS_AGAIN: u32 = 5;

/// Creates the publication, or adopts one.
pub(super) async fn create(db: &Db<'_>, plan: &Model, name: &PublicationName) -> Result<Publication, Diagnostics> {
    plan.check_identities_at(db.at())?;
    let want = plan.definition(&Filters::new())?;
    let nonce = new_nonce();
    let done = until_settled(db, &plan.connect_as, async |tx, attempt| {
        unless_unsupported(&tx, &want)?;
        let (found, tables) = try_join(publication::read(&tx, name), read_tables(&tx, &want)).await?;
        if let Some(ours) = found.as_ref().filter(|it| attempt.after_lost_commit && it.is(&want)) {
            return Ok(ours.clone());
        }
        unless_unpublishable(&tables, name, &want, found.as_ref())?;
        let statements = match &found {
            Some(_) if !plan.adopt.is_true() => return Err(messages::exists(db.at(), name).into()),
            Some(have) => {
                let want = plan.with_others(want.clone(), have, None);
                let marker = Marker { known: None, of_first_version: false, new: nonce.as_ref() };
                tx.run(&change(&tx, plan, have, &want, &marker).await?).await?;
                let comment = publication::read_comment(&tx, name).await?.adopted(nonce.clone());
                publication::comment(name, &comment)
            }
            None => publication::create(name, &want),
        };
        run_and_check(&tx, name, &statements, found.as_ref(), &tables).await
    })
    .await;
    let found = match done {
        Err(stop) if stop.kind() == Some(Kind::AlreadyExists) => return Err(messages::exists(db.at(), name).into()),
        Err(stop) => return Err(refused(db, &plan.connect_as, name, Some(&want), stop).await),
        Ok(found) => found,
    };
    db.call().claim(&id(db, name));
    note_mark(db, &found, nonce.as_ref());
    Ok(found)
}

/// Runs a change in a transaction. It runs again where others have meanwhile dropped a table that it names, or listed one: the
/// next run reads what is there now. A table that the user has named is then found missing.
async fn until_settled<W, F>(db: &Db<'_>, connect_as: &Attr<RoleName>, work: W) -> Result<Publication, Stop>
where
    W: Fn(Tx, Attempt) -> F,
    F: Future<Output = Result<Publication, Stop>>,
{
    let is_of_others =
        |it: &postgres::Error| it.is_of_vanished() || matches!(it.kind(), Kind::AlreadyExists | Kind::UndefinedObject);
    let mut left = RUNS_AGAIN;
    loop {
        match db.transaction(connect_as, &work).await {
            Err(Stop::Server(error)) if left > 0 && is_of_others(&error) => left -= 1,
            done => return done,
        }
    }
}

/// A nonce for the marks of one change. Marks without one prove nothing.
fn new_nonce() -> Option<Nonce> {
    Nonce::random().inspect_err(|error| tracing::warn!(%error, "marks cannot be told from forged ones")).ok()
}

/// The nonce that this resource wrote into the COMMENT of the publication.
pub(super) fn mark(call: &Call<'_>, found: &Publication) -> Option<Nonce> {
    call.cx().private().get::<Mark>(MARK).and_then(|it| it.on(found.oid))
}

/// Keeps the nonce, if the publication has it now.
fn note_mark(db: &Db<'_>, found: &Publication, nonce: Option<&Nonce>) {
    let Some(nonce) = nonce.filter(|it| found.marks.has(it)) else { return };
    let call = db.call();
    call.cx().set_private(MARK, &Mark { oid: found.oid, nonce: nonce.clone() });
    call.target().known_marks().remember(id(db, &found.name).natural_key(), found.oid, nonce);
}

/// Which marks are renewed by a change, and with what.
struct Marker<'a> {
    known: Option<Nonce>,
    of_first_version: bool,
    new: Option<&'a Nonce>,
}

impl Marker<'_> {
    fn renewed(&self, comment: Comment) -> Comment {
        match self.new {
            Some(new) => comment.renewed(self.known.as_ref(), self.of_first_version, new),
            None => comment,
        }
    }
}

/// Changes it to what is planned.
pub(super) async fn update(
    db: &Db<'_>,
    prior: &Model,
    plan: &Model,
    name: &PublicationName,
) -> Result<Publication, Diagnostics> {
    let call = db.call();
    let want = plan.definition(&call.cx().private().get(FILTERS).unwrap_or_default())?;
    let (nonce, of_first_version) = (new_nonce(), call.is_of_first_version());
    let done = until_settled(db, &plan.connect_as, async |tx, _| {
        unless_unsupported(&tx, &want)?;
        let (have, mut tables) = try_join(publication::read(&tx, name), read_tables(&tx, &want)).await?;
        let mut have = have.ok_or_else(|| messages::gone(name))?;
        let of_plan = &want.tables;
        let mut want = plan.with_others(want.clone(), &have, Some(prior));
        let marker = Marker { known: mark(call, &have), of_first_version, new: nonce.as_ref() };
        let renews = of_first_version && nonce.is_some() && have.marks.has_some_without_nonce();
        let mut statements = if have.is(&want) {
            Vec::new()
        } else {
            if want.tables.len() > of_plan.len() {
                tables = read_tables(&tx, &want).await?;
                // Dropped since the publication was read: no user has named it.
                let is_gone = |it: &TableName| !of_plan.contains_key(it) && tables.get(it).is_none();
                let gone: BTreeSet<TableName> = want.tables.keys().filter(|it| is_gone(it)).cloned().collect();
                want.tables.retain(|it, _| !gone.contains(it));
                have.tables.retain(|it, _| !gone.contains(it));
            }
            unless_unpublishable(&tables, name, &want, Some(&have))?;
            change(&tx, plan, &have, &want, &marker).await?
        };
        if renews && !have.must_be_replaced_for(&want) {
            let comment = marker.renewed(publication::read_comment(&tx, name).await?);
            statements.extend(publication::comment(name, &comment));
        }
        if statements.is_empty() {
            return Ok(have);
        }
        run_and_check(&tx, name, &statements, Some(&have), &tables).await
    });
    let found = match done.await {
        Ok(found) => found,
        Err(stop) => return Err(refused(db, &plan.connect_as, name, Some(&want), stop).await),
    };
    note_mark(db, &found, nonce.as_ref());
    call.leave_first_version();
    Ok(found)
}

/// Drops it, unless it was adopted, or a consumer streams from it.
pub(super) async fn delete(db: &Db<'_>, state: &Model, name: &PublicationName) -> Result<(), Diagnostics> {
    let call = db.call();
    if call.is_held_by_another(&id(db, name)) {
        call.cx().warn(messages::kept_for_another(name));
        return Ok(());
    }
    let Some(mut session) = db.remover(&state.connect_as, Usage::Write).await? else { return Ok(()) };
    let removed = db
        .transaction_on(&mut session, async |tx, _| {
            let reads = try_join3(publication::read(&tx, name), walsender::read_all(&tx), slot::read_all(&tx));
            let (have, walsenders, slots) = reads.await?;
            let Some(have) = have else { return Ok(Removed::Gone) };
            let own = mark(call, &have);
            let is_ours = own.as_ref().is_some_and(|nonce| have.marks.is_adopted_by(nonce));
            let is_of_first_version = call.is_of_first_version() && have.marks.adopted.contains(&None);
            if state.adopted.is_true() || is_ours || is_of_first_version {
                return Ok(Removed::Kept);
            }
            if have.marks.is_adopted_by_another(own.as_ref()) && !state.force_destroy.is_true() {
                return Ok(Removed::Marked);
            }
            let streaming = walsenders.into_iter().filter(|it| it.may_stream(name));
            let streaming: Vec<String> = streaming.map(|it| format!("- {it}")).collect();
            if !streaming.is_empty() && !state.force_destroy.is_true() {
                return Err(messages::streamed(name, &streaming).into());
            }
            let idle = slots.into_values().filter(|it| it.is(&db.at().name, "pgoutput") && !it.active);
            let idle: BTreeSet<SlotName> = idle.map(|it| it.name).collect();
            tx.at_commit(publication::drop(name));
            Ok(Removed::Dropped(idle))
        })
        .await;
    let warning = match removed {
        Ok(Removed::Kept) => Some(messages::kept_adopted(name)),
        Ok(Removed::Marked) => Some(messages::kept_marked(name)),
        Ok(Removed::Dropped(idle)) if !idle.is_empty() => Some(messages::slots_may_be_stuck(name, &idle)),
        Ok(Removed::Gone | Removed::Dropped(_)) => None,
        Err(stop) if stop.kind() == Some(Kind::UndefinedObject) => None,
        Err(stop) => return Err(refused(db, &state.connect_as, name, None, stop).await),
    };
    call.release(&id(db, name));
    if let Some(warning) = warning {
        call.cx().warn(warning);
    }
    Ok(())
}

enum Removed {
    Gone,
    Kept,
    /// Kept, because of a mark that somebody else wrote.
    Marked,
    Dropped(BTreeSet<SlotName>),
}

fn id(db: &Db<'_>, name: &PublicationName) -> PublicationId {
    PublicationId { database: db.at().clone(), name: name.clone() }
}

/// The smallest statements, or drop and create where only that leads there and the user has agreed.
async fn change(
    tx: &Connection,
    plan: &Model,
    have: &Publication,
    want: &Definition,
    marker: &Marker<'_>,
) -> Result<Vec<Statement>, Stop> {
    let name = &have.name;
    let turns = have.must_be_replaced_for(want);
    if turns && !plan.allow_replace.is_true() {
        return Err(messages::must_be_replaced(name, have).into());
    }
    let adds_schemas = have.adds_schemas(want);
    let statements = if turns || adds_schemas {
        let (comment, me) = try_join(publication::read_comment(tx, name), settings::read(tx)).await?;
        let is_superuser = role::read(tx, &me.current_user).await?.is_some_and(|it| it.superuser);
        if adds_schemas && is_superuser && !turns {
            publication::alter(have, want)
        } else if plan.allow_replace.is_true() {
            publication::replace(
                have,
                &marker.renewed(comment).continuing(have.oid, marker.new.cloned()),
                want,
                &me.current_user,
            )
        } else {
            return Err(messages::schemas_need_replace(name).into());
        }
    } else {
        publication::alter(have, want)
    };
    Ok(statements)
}

/// Arguments that the server's version does not have, before anything is changed.
fn unless_unsupported(tx: &Connection, want: &Definition) -> Result<(), Stop> {
    let refusals = unsupported(tx.version(), want, supported_by_server::refusal);
    refusals.into_iter().next().map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// The listed tables, and their partitions.
async fn read_tables(tx: &Connection, want: &Definition) -> postgres::Result<Tables> {
    if want.tables.is_empty() {
        return Ok(Tables::default());
    }
    table::read(tx, &want.tables.keys().cloned().collect()).await
}

/// The tables that hold the rows of the listed ones.
fn rows<'t>(tables: &'t Tables, listed: &BTreeSet<TableName>) -> Vec<&'t Table> {
    listed.iter().filter_map(|it| tables.get(it)).flat_map(|it| tables.leaves(it)).collect()
}

fn oids(rows: &[&Table]) -> BTreeSet<u32> {
    rows.iter().map(|it| it.oid).collect()
}

/// Runs the statements and reads the publication back, in one round trip with what the check of its tables asks for.
/// `tables` are those that were listed before the statements were made.
async fn run_and_check(
    tx: &Tx,
    name: &PublicationName,
    statements: &[Statement],
    before: Option<&Publication>,
    tables: &Tables,
) -> Result<Publication, Stop> {
    let listed: BTreeSet<TableName> = tables.iter().map(|it| it.name.clone()).collect();
    let known = oids(&rows(tables, &listed));
    let reads = async {
        if listed.is_empty() {
            return Ok((publication::read(tx, name).await?, Tables::default(), BTreeMap::new()));
        }
        let publishers = publisher::read(tx, &known, Some(name));
        try_join3(publication::read(tx, name), table::read(tx, &listed), publishers).await
    };
    let (_, (now, mut tables, mut publishers)) = tx.run_and(statements, reads).await?;
    let missing = || postgres::Error::new(Kind::Decode, format!("publication `{name}` was created and is not there"));
    let now = now.ok_or_else(missing)?;
    if now.all_tables || !now.publish.iter().any(|it| it.needs_identity()) {
        return Ok(now);
    }
    // Listed by others, or a partition that came meanwhile.
    let now_listed: BTreeSet<TableName> = now.tables.keys().cloned().collect();
    if !now_listed.is_subset(&listed) {
        tables = table::read(tx, &now_listed).await?;
    }
    let rows = rows(&tables, &now_listed);
    if !oids(&rows).is_subset(&known) {
        publishers = publisher::read(tx, &oids(&rows), Some(name)).await?;
    }
    unless_updates_break(tx.version(), before, &now, &rows, &publishers)?;
    Ok(now)
}

/// Refuses a change after which UPDATE or DELETE of a table would fail that work now. The server's own facts decide: it
/// has parsed the row filters by now.
fn unless_updates_break(
    version: ServerVersion,
    before: Option<&Publication>,
    now: &Publication,
    rows: &[&Table],
    publishers: &BTreeMap<u32, Vec<Publisher>>,
) -> Result<(), Stop> {
    let unchanged = |table: &TableName| {
        before.is_some_and(|before| {
            before.publish.is_superset(&now.publish) && before.tables.get(table) == now.tables.get(table)
        })
    };
    let broken: BTreeMap<TableName, Problem> = rows
        .iter()
        .filter(|it| !unchanged(&it.name))
        .filter_map(|it| {
            let ours = publishers.get(&it.oid)?.iter().find(|publisher| publisher.name == now.name)?;
            let problem = identity::problem(version, &it.facts(), &ours.published_as)?;
            // Told with its own advice, before anything was changed.
            (problem != Problem::NoIdentity).then(|| (it.name.clone(), problem))
        })
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(messages::breaks_updates(&now.name, &broken).into()) }
}

/// Refuses what the server would refuse, or what would break the application, with the names of the tables. What is
/// published already was broken before, and is not refused.
fn unless_unpublishable(
    tables: &Tables,
    name: &PublicationName,
    want: &Definition,
    have: Option<&Publication>,
) -> Result<(), Stop> {
    if want.tables.is_empty() {
        return Ok(());
    }
    let listed: BTreeSet<TableName> = want.tables.keys().cloned().collect();
    let missing: BTreeSet<&TableName> = listed.iter().filter(|it| tables.get(it).is_none()).collect();
    if !missing.is_empty() {
        return Err(messages::missing_tables(&missing).into());
    }
    let refused: Vec<String> = listed
        .iter()
        .filter_map(|it| tables.get(it))
        .filter_map(|it| Some(format!("- `{}`: {}", it.name, it.why_not_publishable()?)))
        .collect();
    if !refused.is_empty() {
        return Err(messages::not_publishable(&refused).into());
    }
    let needed: BTreeSet<_> = want.publish.iter().copied().filter(|it| it.needs_identity()).collect();
    if needed.is_empty() {
        return Ok(());
    }
    let before = have.filter(|it| needed.is_subset(&it.publish));
    let new = listed.iter().filter(|it| before.is_none_or(|have| !have.tables.contains_key(it)));
    let broken: BTreeSet<String> =
        new.flat_map(|it| tables_have_identity::unidentified(tables, it)).map(|it| it.name.to_string()).collect();
    if broken.is_empty() { Ok(()) } else { Err(messages::without_identity(name, &broken).into()) }
}

/// The message of a failed transaction. `want`: what it should have become.
async fn refused(
    db: &Db<'_>,
    connect_as: &Attr<RoleName>,
    name: &PublicationName,
    want: Option<&Definition>,
    stop: Stop,
) -> Diagnostics {
    if let Stop::Server(error) = &stop {
        let tables = want.map(|it| it.tables.keys().cloned().collect()).unwrap_or_default();
        let touched = Touched { publication: Some(name), tables: &tables };
        if let Some(told) = ownership::refused(db, connect_as, error, &touched, path!(connect_as)).await {
            return told;
        }
        let whole = |it: &&Definition| it.all_tables || matches!(&it.schemas, Wish::Exactly(them) if !them.is_empty());
        if let Some(want) = want.filter(|_| error.kind() == Kind::InsufficientPrivilege).filter(whole) {
            return messages::needs_superuser(db.call().doing(), error, want.all_tables).into();
        }
    }
    stop.explain(db.call(), at)
}

/// The attribute that the user should look at.
fn at(error: &postgres::Error) -> AttributePath {
    match error.kind() {
        Kind::UndefinedTable | Kind::UndefinedSchema | Kind::WrongObject => path!(tables),
        Kind::InsufficientPrivilege => path!(connect_as),
        _ => AttributePath::root(),
    }
}
