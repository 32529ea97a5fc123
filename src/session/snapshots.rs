//! One catalogue snapshot per object family and database, shared by all reads of a refresh.
//!
//! A refresh is a point in time: 1,000 publications of one database are one statement. A write drops the families of
//! its place; a load that began before a write serves those who waited for it and is not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Session;
use super::error::Error;
use super::place::Place;
use crate::neon::{Budget, ProjectId};
use crate::postgres::names::{PublicationName, RoleName, SlotName, TableName};
use crate::postgres::privilege::{self, Holdings};
use crate::postgres::publication::{self, Publication};
use crate::postgres::settings::{self, Settings};
use crate::postgres::slot::{self, Slot};
use crate::postgres::table::{self, Tables};
use crate::postgres::{self, Connection};

/// A load that is done or under way.
type Load<V> = Arc<OnceCell<Arc<V>>>;

/// The loads of one family.
#[derive(Debug)]
struct Family<V>(Mutex<BTreeMap<Place, Load<V>>>);

impl<V> Default for Family<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V> Family<V> {
    fn load(&self, place: &Place) -> Load<V> {
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(loads.entry(place.clone()).or_default())
    }

    fn forget(&self, place: &Place) {
        // A slot is seen from every database of its branch, and a read of one may have gone through another.
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loads.retain(|of, _| (&of.project, &of.branch) != (&place.project, &place.branch));
    }

    fn forget_project(&self, project: &ProjectId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|of, _| &of.project != project);
    }
}

/// All families.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    publications: Family<BTreeMap<PublicationName, Publication>>,
    slots: Family<BTreeMap<SlotName, Slot>>,
    tables: Family<Tables>,
    settings: Family<Settings>,
    holdings: Family<BTreeMap<RoleName, Holdings>>,
    may_act_for: Family<BTreeSet<RoleName>>,
}

impl Snapshots {
    pub(super) fn forget(&self, place: &Place) {
        self.publications.forget(place);
        self.slots.forget(place);
        self.tables.forget(place);
        self.settings.forget(place);
        self.holdings.forget(place);
        self.may_act_for.forget(place);
    }

    /// A setting of a project changes what its servers say of themselves, not what is in their databases.
    pub(super) fn forget_project(&self, project: &ProjectId) {
        self.settings.forget_project(project);
    }
}

impl Session {
    /// All publications of a database.
    pub async fn publications(
        &self,
        place: &Place,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<PublicationName, Publication>>, Error> {
        let family = &self.0.snapshots.publications;
        self.shared(family, place, budget, "reading publications", |it| async move { publication::read_all(&it).await })
            .await
    }

    /// One publication: out of the snapshot while this process only reads, else by its name.
    pub async fn publication(
        &self,
        place: &Place,
        name: &PublicationName,
        budget: &Budget,
    ) -> Result<Option<Publication>, Error> {
        if !self.is_writing() {
            return Ok(self.publications(place, budget).await?.get(name).cloned());
        }
        self.read(place, budget, "reading a publication", |it| async move { publication::read(&it, name).await }).await
    }

    /// All logical slots of a branch, whatever database they belong to.
    pub async fn slots(&self, place: &Place, budget: &Budget) -> Result<Arc<BTreeMap<SlotName, Slot>>, Error> {
        let family = &self.0.snapshots.slots;
        self.shared(family, place, budget, "reading slots", |it| async move { slot::read_all(&it).await }).await
    }

    /// One slot, logical or not: out of the snapshot while this process only reads, else by its name.
    pub async fn slot(&self, place: &Place, name: &SlotName, budget: &Budget) -> Result<Option<Slot>, Error> {
        if !self.is_writing() {
            return Ok(self.slots(place, budget).await?.get(name).cloned());
        }
        self.read(place, budget, "reading a slot", |it| async move { slot::read(&it, name).await }).await
    }

    /// All tables, views and the like of a database, without the system's own.
    pub async fn tables(&self, place: &Place, budget: &Budget) -> Result<Arc<Tables>, Error> {
        let family = &self.0.snapshots.tables;
        self.shared(family, place, budget, "reading tables", |it| async move { table::read_all(&it).await }).await
    }

    /// Some tables, those that are there, with the partitions beneath them: out of the snapshot while this process
    /// only reads, else by name.
    pub async fn tables_named(
        &self,
        place: &Place,
        names: &BTreeSet<TableName>,
        budget: &Budget,
    ) -> Result<Arc<Tables>, Error> {
        if !self.is_writing() {
            return self.tables(place, budget).await;
        }
        self.read(place, budget, "reading tables", |it| async move { table::read(&it, names).await })
            .await
            .map(Arc::new)
    }

    /// The server's settings that replication depends on.
    pub async fn server_settings(&self, place: &Place, budget: &Budget) -> Result<Arc<Settings>, Error> {
        let family = &self.0.snapshots.settings;
        self.shared(family, place, budget, "reading settings", |it| async move { settings::read(&it).await }).await
    }

    /// What a role holds in a database; `None` if there is no such role.
    pub async fn holdings(&self, place: &Place, role: &RoleName, budget: &Budget) -> Result<Option<Holdings>, Error> {
        if self.is_writing() {
            let read = |it: Arc<Connection>| async move { privilege::read(&it, role).await };
            return self.read(place, budget, "reading privileges", read).await;
        }
        let family = &self.0.snapshots.holdings;
        let all = self
            .shared(family, place, budget, "reading privileges", |it| async move { privilege::read_all(&it).await })
            .await?;
        Ok(all.get(role).cloned())
    }

    /// The roles for which `who`, or else the database's owner, may set default privileges.
    pub async fn may_act_for(
        &self,
        place: &Place,
        who: Option<&RoleName>,
        budget: &Budget,
    ) -> Result<Arc<BTreeSet<RoleName>>, Error> {
        let read = |it: Arc<Connection>| async move { privilege::may_act_for(&it, who).await };
        if who.is_some() {
            return self.read(place, budget, "reading memberships", read).await.map(Arc::new);
        }
        self.shared(&self.0.snapshots.may_act_for, place, budget, "reading memberships", read).await
    }

    /// Reads something of a database as its owner.
    pub async fn read<T, W, F>(&self, place: &Place, budget: &Budget, purpose: &str, reads: W) -> Result<T, Error>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = postgres::Result<T>>,
    {
        // One failed connect is enough: it may have taken a minute.
        if let Some(error) = self.unreachable().get(place) {
            return Err(error.clone());
        }
        let mut session = match self.connect(place, budget, purpose).await {
            Ok(session) => session,
            Err(error) => {
                let lasting = matches!(error.postgres_kind(), Some(kind) if kind != postgres::Kind::SessionsBusy);
                if lasting && budget.ended().is_none() {
                    self.unreachable().insert(place.clone(), error.clone());
                }
                return Err(error);
            }
        };
        if let Ok(result) = budget.run(session.read(reads)).await {
            return Ok(result?);
        }
        Err(postgres::Error::new(postgres::Kind::Timeout, format!("interrupted while {purpose}")).into())
    }

    async fn shared<V, W, F>(
        &self,
        family: &Family<V>,
        place: &Place,
        budget: &Budget,
        purpose: &str,
        reads: W,
    ) -> Result<Arc<V>, Error>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = postgres::Result<V>>,
    {
        let load = family.load(place);
        let loaded = load.get_or_try_init(|| async { self.read(place, budget, purpose, reads).await.map(Arc::new) });
        loaded.await.cloned()
    }
}
