//! For whom a role can act: asked once for each role of a database, however many resources name it in `connect_as`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Target;
use super::database::{Database, Server};
use super::error::Error;
use crate::neon::Budget;
use crate::postgres::membership::{self, Membership};
use crate::postgres::names::{RoleName, TableName};
use crate::postgres::privilege::{self, TablePrivilege};
use crate::postgres::{self, Connection};
use crate::single_flight::SingleFlight;

/// The loads of one kind, by database and role. No role is the one that is connected.
type OfRole<V> = SingleFlight<(Database, Option<RoleName>), Arc<V>, Error>;

/// Privileges that a role may pass on although it does not own the table.
type GrantOptions = BTreeMap<TableName, BTreeSet<TablePrivilege>>;

/// What was read of roles.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    of_role: OfRole<Option<Membership>>,
    may_act_for: OfRole<BTreeSet<RoleName>>,
    grant_options: OfRole<GrantOptions>,
}

impl Memberships {
    pub(super) fn forget(&self, server: &Server) {
        self.of_role.forget(|(it, _)| &it.server == server);
        self.may_act_for.forget(|(it, _)| &it.server == server);
        self.grant_options.forget(|(it, _)| &it.server == server);
    }
}

impl Target {
    /// The memberships of a role; `None` if there is no such role.
    pub(crate) async fn membership(
        &self,
        database: &Database,
        role: &RoleName,
        budget: &Budget,
    ) -> Result<Arc<Option<Membership>>, Error> {
        let read = |it: Arc<Connection>| async move { membership::read(&it, Some(role)).await };
        self.of_role(&self.memberships().of_role, database, Some(role), budget, "reading memberships", read).await
    }

    /// The roles for which `who`, or else the database's owner, may set default privileges.
    pub(crate) async fn may_act_for(
        &self,
        database: &Database,
        who: Option<&RoleName>,
        budget: &Budget,
    ) -> Result<Arc<BTreeSet<RoleName>>, Error> {
        let read = |it: Arc<Connection>| async move { privilege::may_act_for(&it, who).await };
        self.of_role(&self.memberships().may_act_for, database, who, budget, "reading memberships", read).await
    }

    /// The privileges that `who`, or else the database's owner, may pass on, on tables of others.
    pub(crate) async fn grant_options(
        &self,
        database: &Database,
        who: Option<&RoleName>,
        budget: &Budget,
    ) -> Result<Arc<GrantOptions>, Error> {
        let read = |it: Arc<Connection>| async move { privilege::grant_options(&it, who).await };
        self.of_role(&self.memberships().grant_options, database, who, budget, "reading grant options", read).await
    }

    async fn of_role<V, W, F>(
        &self,
        loads: &OfRole<V>,
        database: &Database,
        role: Option<&RoleName>,
        budget: &Budget,
        purpose: &str,
        reads: W,
    ) -> Result<Arc<V>, Error>
    where
        V: Send + Sync,
        W: Fn(Arc<Connection>) -> F + Send + Sync,
        F: Future<Output = postgres::Result<V>> + Send,
    {
        let key = (database.clone(), role.cloned());
        loads.get(&key, || async { self.read(database, budget, purpose, &reads).await.map(Arc::new) }).await
    }
}
