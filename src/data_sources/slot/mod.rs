//! `data.neonrep_slot`: the live figures of one slot, and who reads from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, string};
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, Schema, path};

use super::catalog::slot::{Consumer, Slot as Figures, is_of};
use crate::handler::{Call, Context, Data, Db, attributes, words};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::slot::{self, Kind, Slot as Found};
use crate::postgres::{Connection, DatabaseName, SlotName};
use crate::target::{Database, PublicationId, SlotId};

pub(crate) struct Slot;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    name: Attr<SlotName>,
    publication_id: Attr<PublicationId>,
    publication_proved_older: Attr<bool>,
    id: Attr<SlotId>,
    plugin: Attr<String>,
    temporary: Attr<bool>,
    active: Attr<bool>,
    active_pid: Attr<i32>,
    catalog_xmin: Attr<String>,
    restart_lsn: Attr<String>,
    confirmed_flush_lsn: Attr<String>,
    wal_status: Attr<String>,
    safe_wal_size: Attr<i64>,
    retained_wal_bytes: Attr<i64>,
    two_phase: Attr<bool>,
    two_phase_at: Attr<String>,
    conflicting: Attr<bool>,
    invalidation_reason: Attr<String>,
    inactive_since: Attr<String>,
    failover: Attr<bool>,
    synced: Attr<bool>,
    consumer: Attr<Consumer>,
}

attributes::located!(Model);

impl DataSource for Slot {
    const TYPE: &'static str = "neonrep_slot";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location_to_read())
            .attribute("name", string().required().parsed_by(SlotName::parse).doc("Name of the slot."))
            .attribute(
                "publication_id",
                string().optional().parsed_by(str::parse::<PublicationId>).doc(
                    "ID of a publication of the same database, for `publication_proved_older`. A slot itself does not know its \
                     publication.",
                ),
            )
            .attribute(
                "publication_proved_older",
                boolean().computed().doc(
                    "`true` if the catalog proves that the publication of `publication_id` is older than the slot. Null if it \
                     proves nothing, or without `publication_id`. Never `false`: the catalog cannot prove the opposite.",
                ),
            )
            .attributes(Figures::attributes())
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let name = config.name.need(path!(name))?.clone();
        let call = Call::new(cx, format!("read slot `{name}`"));
        let db = call.database(&config).await?;
        let (target, budget) = (call.target(), call.budget());
        let found = target.slot(db.at(), &name, &budget).await.map_err(|error| call.failed(&error))?;
        let found = usable(found, &name, db.at())?;
        let consumers = target.consumers(db.at(), &budget).await.map_err(|error| call.failed(&error))?;
        let publication_proved_older = match config.publication_id.known() {
            Some(publication) => is_proved_older(&db, publication, &name).await?.then_some(true),
            None => None,
        };
        let it = Figures::of(db.at(), &found, consumers.get(&name));
        Ok(Model {
            branch_id: db.at().server.branch_id().cloned().into(),
            publication_proved_older: publication_proved_older.into(),
            id: it.id,
            plugin: it.plugin,
            temporary: it.temporary,
            active: it.active,
            active_pid: it.active_pid,
            catalog_xmin: it.catalog_xmin,
            restart_lsn: it.restart_lsn,
            confirmed_flush_lsn: it.confirmed_flush_lsn,
            wal_status: it.wal_status,
            safe_wal_size: it.safe_wal_size,
            retained_wal_bytes: it.retained_wal_bytes,
            two_phase: it.two_phase,
            two_phase_at: it.two_phase_at,
            conflicting: it.conflicting,
            invalidation_reason: it.invalidation_reason,
            inactive_since: it.inactive_since,
            failover: it.failover,
            synced: it.synced,
            consumer: it.consumer,
            ..config
        })
    }
}

/// The slot, if it is a logical one of the database: another of the same name is somebody else's.
fn usable(found: Option<Found>, name: &SlotName, at: &Database) -> Result<Found, Diagnostics> {
    let detail = match found.filter(|it| it.kind == Kind::Logical) {
        Some(found) if is_of(&found, &at.name) => return Ok(found),
        Some(Found { database: Some(other), .. }) => format!(
            "The logical slot `{name}` belongs to database `{other}`, not to {at}. Set `database` to `{other}`, or check `name`."
        ),
        _ => format!(
            "{} has no logical slot `{name}`. If this configuration creates it, use the attributes of its `neonrep_slot`, or \
             set `name = neonrep_slot.<name>.slot_name` together with `depends_on`. Otherwise create the slot first.",
            words::sentence(&at.to_string())
        ),
    };
    Err(Diagnostic::error(format!("Slot `{name}` does not exist"), detail).at(path!(name)).into())
}

/// Whether the publication that is there now is proved to be older than the slot.
async fn is_proved_older(db: &Db<'_>, publication: &PublicationId, slot: &SlotName) -> Result<bool, Diagnostics> {
    let (call, name) = (db.call(), &publication.name);
    let refused = |summary: &str, detail: String| Diagnostic::error(summary, detail).at(path!(publication_id));
    if publication.database != *db.at() {
        let detail =
            format!("Publication `{name}` is of {}, and slot `{slot}` is of {}.", publication.database, db.at());
        return Err(refused("Publication belongs to another database", detail).into());
    }
    let (target, budget) = (call.target(), call.budget());
    let found = target.publication(db.at(), name, &budget).await.map_err(|error| call.failed(&error))?;
    let Some(found) = found else {
        let detail = format!("{} has no publication `{name}`.", words::sentence(&db.at().to_string()));
        return Err(refused(&format!("Publication `{name}` does not exist"), detail).into());
    };
    let read = |it: Arc<Connection>| async move { slot::is_publication_proved_older(&it, found.oid, slot).await };
    let order = target.read(db.at(), &budget, "reading the order of slot and publication", read).await;
    order.map_err(|error| call.failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Kind, database: Option<&str>) -> Found {
        Found {
            name: SlotName::parse("s").unwrap(),
            kind,
            plugin: None,
            database: database.map(|it| DatabaseName::parse(it).unwrap()),
            database_oid: None,
            temporary: false,
            active: false,
            active_pid: None,
            catalog_xmin: None,
            restart_lsn: None,
            confirmed_flush_lsn: None,
            wal_status: None,
            safe_wal_size: None,
            retained_wal_bytes: None,
            two_phase: false,
            two_phase_at: None,
            conflicting: None,
            invalidation_reason: None,
            inactive_since: None,
            failover: None,
            synced: None,
        }
    }

    #[test]
    fn only_a_logical_slot_of_the_database_is_read() {
        let at = Database::parse("p", "br-a", "d").unwrap();
        let said = |found| {
            let name = SlotName::parse("s").unwrap();
            usable(found, &name, &at).map(drop).map_err(|wrong| wrong.iter().next().unwrap().detail.clone())
        };
        assert_eq!(said(Some(found(Kind::Logical, Some("d")))), Ok(()));
        assert!(said(Some(found(Kind::Logical, Some("e")))).unwrap_err().contains("Set `database` to `e`"));
        for absent in [None, Some(found(Kind::Physical, None))] {
            assert!(said(absent).unwrap_err().starts_with("Database `d` of branch `br-a` has no logical slot `s`"));
        }
    }
}
