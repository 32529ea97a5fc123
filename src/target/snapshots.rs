//! One catalogue snapshot per object family and database, shared by all reads of a refresh.
//!
//! A refresh is a point in time: 1,000 publications of one database are one statement. A write drops the families of
//! its database; a load that began before a write serves those who waited for it and is not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Target;
use super::database::{Database, Server};
use super::error::Error;
use super::few::{FewTables, First};
use super::memberships::Memberships;
use crate::neon::{Budget, ProjectId};
use crate::postgres::names::{PublicationName, RoleName, SlotName, SubscriptionName, TableName};
use crate::postgres::privilege::{self, Holdings, HoldingsByRole};
use crate::postgres::publication::{self, EffectiveTables, Publication};
use crate::postgres::role::{self, Role};
use crate::postgres::settings::{self, Settings};
use crate::postgres::signal_table::{self, SignalTable};
use crate::postgres::slot::{self, Consumer, Slot};
use crate::postgres::subscription::{self, Subscription};
use crate::postgres::table::{self, Tables};
use crate::postgres::{self, Connection};
use crate::single_flight::{Failure, SingleFlight};

/// The loads of one family.
type Family<V> = SingleFlight<Database, Arc<V>, Error>;

/// A call that ran out of its own time, or was interrupted, says nothing of the server.
impl Failure for Error {
    fn is_of_one_caller(&self) -> bool {
        match self {
            Self::Postgres(error) => error.kind() == postgres::Kind::Timeout || error.is_interruption(),
            Self::Neon(error) => error.is_of_one_caller(),
            _ => false,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Snapshots {
    publications: Family<BTreeMap<PublicationName, Publication>>,
    first_publication: First<PublicationName, Option<Publication>>,
    effective_tables: Family<BTreeMap<PublicationName, EffectiveTables>>,
    slots: Family<BTreeMap<SlotName, Slot>>,
    slot_capacity: Family<slot::Capacity>,
    consumers: Family<BTreeMap<SlotName, Consumer>>,
    subscriptions: Family<BTreeMap<SubscriptionName, Subscription>>,
    roles: Family<BTreeMap<RoleName, Role>>,
    pub(super) tables: Family<Tables>,
    pub(super) few_tables: FewTables,
    signal_tables: Family<BTreeMap<TableName, SignalTable>>,
    settings: Family<Settings>,
    /// Of servers on which logical replication is on: it takes a restart to turn that off, so no write makes this untrue.
    logical: Mutex<BTreeMap<Database, Arc<Settings>>>,
    holdings: Family<HoldingsByRole>,
    first_holdings: First<RoleName, Option<Holdings>>,
    memberships: Memberships,
}

impl Snapshots {
    pub(super) fn forget(&self, server: &Server) {
        self.publications.forget(|it| &it.server == server);
        self.first_publication.forget(server);
        self.effective_tables.forget(|it| &it.server == server);
        self.slots.forget(|it| &it.server == server);
        self.slot_capacity.forget(|it| &it.server == server);
        self.consumers.forget(|it| &it.server == server);
        self.subscriptions.forget(|it| &it.server == server);
        self.roles.forget(|it| &it.server == server);
        self.tables.forget(|it| &it.server == server);
        self.signal_tables.forget(|it| &it.server == server);
        self.few_tables.forget(server);
        self.settings.forget(|it| &it.server == server);
        self.holdings.forget(|it| &it.server == server);
        self.first_holdings.forget(server);
        self.memberships.forget(server);
    }

    /// A setting of a project changes what its servers say of themselves, not what is in their databases.
    pub(super) fn forget_project(&self, project: &ProjectId) {
        self.settings.forget(|it| it.server.project_id() == Some(project));
        self.logical().retain(|it, _| it.server.project_id() != Some(project));
    }

    fn logical(&self) -> MutexGuard<'_, BTreeMap<Database, Arc<Settings>>> {
        self.logical.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    /// All publications of a database.
    pub(crate) async fn publications(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<PublicationName, Publication>>, Error> {
        let family = &self.0.snapshots.publications;
        self.shared(
            family,
            database,
            budget,
            "reading publications",
            |it| async move { publication::read_all(&it).await },
        )
        .await
    }

    /// One publication: by its name if it is the first one or this process writes, else out of the snapshot.
    pub(crate) async fn publication(
        &self,
        database: &Database,
        name: &PublicationName,
        budget: &Budget,
    ) -> Result<Option<Publication>, Error> {
        let (snapshots, purpose) = (&self.0.snapshots, "reading a publication");
        let read = |it: Arc<Connection>| async move { publication::read(&it, name).await };
        if self.is_writing() {
            return self.read(database, budget, purpose, read).await;
        }
        if !snapshots.publications.has(database) && snapshots.first_publication.is(database, name) {
            let load = || async { self.read(database, budget, purpose, read).await };
            return snapshots.first_publication.load.get(database, load).await;
        }
        Ok(self.publications(database, budget).await?.get(name).cloned())
    }

    /// The tables that each publication of a database comes to.
    pub(crate) async fn effective_tables(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<PublicationName, EffectiveTables>>, Error> {
        let family = &self.0.snapshots.effective_tables;
        let read = |it: Arc<Connection>| async move { publication::read_all_effective(&it).await };
        self.shared(family, database, budget, "reading published tables", read).await
    }

    /// Who is connected to the logical slots of a branch.
    pub(crate) async fn consumers(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<SlotName, Consumer>>, Error> {
        let family = &self.0.snapshots.consumers;
        let read = |it: Arc<Connection>| async move { slot::consumers(&it).await };
        self.shared(family, database, budget, "reading consumers", read).await
    }

    /// The roles of a server as its catalogue has them, except predefined ones.
    pub(crate) async fn roles_in_catalog(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<RoleName, Role>>, Error> {
        let family = &self.0.snapshots.roles;
        self.shared(family, database, budget, "reading roles", |it| async move { role::read_all(&it).await }).await
    }

    /// All logical slots of a branch, whatever database they belong to.
    pub(crate) async fn slots(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<BTreeMap<SlotName, Slot>>, Error> {
        let family = &self.0.snapshots.slots;
        self.shared(family, database, budget, "reading slots", |it| async move { slot::read_all(&it).await }).await
    }

    /// How many slots a branch has and may have.
    pub(crate) async fn slot_capacity(
        &self,
        database: &Database,
        budget: &Budget,
    ) -> Result<Arc<slot::Capacity>, Error> {
        let family = &self.0.snapshots.slot_capacity;
        self.shared(family, database, budget, "counting slots", |it| async move { slot::capacity(&it).await }).await
    }

    /// One slot, logical or not: out of the snapshot while this process only reads, else by its name.
    pub(crate) async fn slot(
        &self,
        database: &Database,
        name: &SlotName,
        budget: &Budget,
    ) -> Result<Option<Slot>, Error> {
        if !self.is_writing() {
            return Ok(self.slots(database, budget).await?.get(name).cloned());
        }
        self.read(database, budget, "reading a slot", |it| async move { slot::read(&it, name).await }).await
    }

    /// One subscription: out of the snapshot while this process only reads, else by its name.
    pub(crate) async fn subscription(
        &self,
        database: &Database,
        name: &SubscriptionName,
        budget: &Budget,
    ) -> Result<Option<Subscription>, Error> {
        if self.is_writing() {
            let read = |it: Arc<Connection>| async move { subscription::read(&it, name).await };
            return self.read(database, budget, "reading a subscription", read).await;
        }
        let family = &self.0.snapshots.subscriptions;
        let read = |it: Arc<Connection>| async move { subscription::read_all(&it).await };
        let all = self.shared(family, database, budget, "reading subscriptions", read).await?;
        Ok(all.get(name).cloned())
    }

    /// All tables, views and the like of a database, without the system's own.
    pub(crate) async fn tables(&self, database: &Database, budget: &Budget) -> Result<Arc<Tables>, Error> {
        let family = &self.0.snapshots.tables;
        self.shared(family, database, budget, "reading tables", |it| async move { table::read_all(&it).await }).await
    }

    /// The relation of that name with its columns: out of a snapshot while this process only reads, which holds what looks like a table
    /// that a consumer writes.
    pub(crate) async fn signal_table(
        &self,
        database: &Database,
        name: &TableName,
        budget: &Budget,
    ) -> Result<Option<SignalTable>, Error> {
        const PURPOSE: &str = "reading the columns of a table";
        if !self.is_writing() {
            let family = &self.0.snapshots.signal_tables;
            let read = |it: Arc<Connection>| async move { signal_table::read_all(&it).await };
            let found = self.shared(family, database, budget, PURPOSE, read).await?;
            if let Some(found) = found.get(name) {
                return Ok(Some(found.clone()));
            }
        }
        self.read(database, budget, PURPOSE, |it| async move { signal_table::read(&it, name).await }).await
    }

    /// The server's settings that replication depends on.
    pub(crate) async fn server_settings(&self, database: &Database, budget: &Budget) -> Result<Arc<Settings>, Error> {
        let snapshots = &self.0.snapshots;
        if let Some(known) = snapshots.logical().get(database) {
            return Ok(Arc::clone(known));
        }
        let read = |it: Arc<Connection>| async move { settings::read(&it).await };
        let found = self.shared(&snapshots.settings, database, budget, "reading settings", read).await?;
        if found.is_logical() {
            snapshots.logical().insert(database.clone(), Arc::clone(&found));
        }
        Ok(found)
    }

    /// What a role holds in a database; `None` if there is no such role.
    pub(crate) async fn holdings(
        &self,
        database: &Database,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Option<Holdings>, Error> {
        let (snapshots, purpose) = (&self.0.snapshots, "reading privileges");
        let read = |it: Arc<Connection>| async move { privilege::read(&it, role).await };
        if self.is_writing() {
            return self.read(database, budget, purpose, read).await;
        }
        if !snapshots.holdings.has(database) && snapshots.first_holdings.is(database, role) {
            let load = || async { self.read(database, budget, purpose, read).await };
            return snapshots.first_holdings.load.get(database, load).await;
        }
        let read_all = |it: Arc<Connection>| async move { privilege::read_all(&it).await };
        Ok(self.shared(&snapshots.holdings, database, budget, purpose, read_all).await?.of(role))
    }

    pub(super) fn memberships(&self) -> &Memberships {
        &self.0.snapshots.memberships
    }

    /// Reads something of a database as its owner.
    pub(crate) async fn read<T, W, F>(
        &self,
        database: &Database,
        budget: &Budget,
        purpose: &str,
        reads: W,
    ) -> Result<T, Error>
    where
        W: Fn(Arc<Connection>) -> F,
        F: Future<Output = postgres::Result<T>>,
    {
        // One failed connect is enough: it may have taken a minute.
        if let Some(error) = self.unreachable().get(database) {
            return Err(error.clone());
        }
        let mut session = match self.connect(database, budget, purpose).await {
            Ok(session) => session,
            Err(error) => {
                let lasting = matches!(error.postgres_kind(), Some(kind) if kind != postgres::Kind::SessionsBusy);
                if lasting && budget.ended().is_none() {
                    self.unreachable().insert(database.clone(), error.clone());
                }
                return Err(error);
            }
        };
        match budget.run(session.read(reads)).await {
            Ok(result) => Ok(result?),
            Err(ended) => Err(Error::ended(ended, purpose)),
        }
    }

    async fn shared<V, W, F>(
        &self,
        family: &Family<V>,
        database: &Database,
        budget: &Budget,
        purpose: &str,
        reads: W,
    ) -> Result<Arc<V>, Error>
    where
        V: Send + Sync,
        W: Fn(Arc<Connection>) -> F + Send + Sync,
        F: Future<Output = postgres::Result<V>> + Send,
    {
        family.get(database, || async { self.read(database, budget, purpose, &reads).await.map(Arc::new) }).await
    }
}
