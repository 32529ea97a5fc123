//! A database in a call: reads that tell gone from unknown, sessions and transactions for writes.

use std::collections::BTreeSet;

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::attributes::Located;
use super::call::Call;
use super::transaction::{self, Attempt, Stop};
use super::words;
use crate::neon;
use crate::postgres::privilege::Holdings;
use crate::postgres::publication::Publication;
use crate::postgres::signal_table::SignalTable;
use crate::postgres::subscription::Subscription;
use crate::postgres::table::Table;
use crate::postgres::{self, PublicationName, RoleName, SubscriptionName, TableName, Tx, Usage};
use crate::target::{Database, DatabaseLocation, Error, ObjectId, ServerLocation, TurnToGrant};

/// A database that a call works on.
pub(crate) struct Db<'a> {
    call: &'a Call<'a>,
    at: Database,
}

impl Call<'_> {
    /// The database that three attributes name. Only a default branch is looked up.
    pub(crate) async fn database(&self, model: &impl Located) -> Result<Db<'_>, Diagnostics> {
        let location = model.location(self.target().is_direct())?;
        let at = self.resolved(&location, model.connect_as()).await.map_err(|error| self.failed(&error))?;
        Ok(Db { call: self, at })
    }

    /// The database of an object to be created, which replaces another one perhaps. `id` is what the object will be called.
    pub(crate) async fn new_database<T: ObjectId>(
        &self,
        plan: &impl Located,
        id: impl Fn(Database) -> T,
    ) -> Result<Db<'_>, Diagnostics> {
        let mut db = self.database(plan).await?;
        let name = db.at.name.clone();
        db.at.server =
            self.settled(db.at.server, plan.branch_id(), |server| id(Database { server, name: name.clone() }));
        if let Some(role) = plan.connect_as() {
            self.target().offer_reader(&db.at, role);
        }
        Ok(db)
    }

    /// The database that the checks of a plan look at. A new object whose branch the configuration does not name stays on
    /// the branch of the object that it replaces. `id` is what the object will be called.
    pub(crate) async fn planned_database<T: ObjectId>(
        &self,
        location: &DatabaseLocation,
        connect_as: Option<&RoleName>,
        id: impl Fn(Database) -> T,
    ) -> Result<(Database, Diagnostics), Error> {
        let at = self.resolved(location, connect_as).await?;
        if !matches!(location.server, ServerLocation::Neon { branch: None, .. }) {
            return Ok((at, Diagnostics::none()));
        }
        let name = at.name.clone();
        let server = self.stays(at.server.clone(), |server| id(Database { server, name: name.clone() }));
        if server == at.server {
            let warning = self.on_two_branches(&server);
            return Ok((at, warning.map_or_else(Diagnostics::none, Into::into)));
        }
        let at = Database { server, name };
        if let Some(role) = connect_as {
            self.target().offer_reader(&at, role);
        }
        Ok((at, Diagnostics::none()))
    }

    /// The database of a location. `connect_as` reads where the default role cannot log in.
    pub(crate) async fn resolved(
        &self,
        location: &DatabaseLocation,
        connect_as: Option<&RoleName>,
    ) -> Result<Database, Error> {
        let at = self.target().database(location, &self.budget()).await?;
        if let Some(role) = connect_as {
            self.target().offer_reader(&at, role);
        }
        Ok(at)
    }

    /// A database that is resolved already, such as that of an id.
    pub(crate) fn at(&self, database: Database) -> Db<'_> {
        Db { call: self, at: database }
    }
}

impl<'a> Db<'a> {
    pub(crate) fn call(&self) -> &'a Call<'a> {
        self.call
    }

    pub(crate) fn at(&self) -> &Database {
        &self.at
    }

    /// A publication; `None` when it, or what held it, is gone.
    pub(crate) async fn publication(&self, name: &PublicationName) -> Result<Option<Publication>, Diagnostics> {
        let found = self.call.target().publication(&self.at, name, &self.call.budget()).await;
        self.unless_gone(found)
    }

    /// A subscription; `None` when it, or what held it, is gone.
    pub(crate) async fn subscription(&self, name: &SubscriptionName) -> Result<Option<Subscription>, Diagnostics> {
        let found = self.call.target().subscription(&self.at, name, &self.call.budget()).await;
        self.unless_gone(found)
    }

    /// A table or the like; `None` when it, or what held it, is gone.
    pub(crate) async fn table(&self, name: &TableName) -> Result<Option<Table>, Diagnostics> {
        let names = BTreeSet::from([name.clone()]);
        let found = self.call.target().tables_named(&self.at, &names, &self.call.budget()).await;
        let found = found.map(|tables| tables.get(name).cloned());
        self.unless_gone(found)
    }

    /// A relation with its columns; `None` when it, or what held it, is gone.
    pub(crate) async fn signal_table(&self, name: &TableName) -> Result<Option<SignalTable>, Diagnostics> {
        let found = self.call.target().signal_table(&self.at, name, &self.call.budget()).await;
        self.unless_gone(found)
    }

    /// What a role holds; `None` when it, or the database, is gone.
    pub(crate) async fn holdings(&self, role: &RoleName) -> Result<Option<Holdings>, Diagnostics> {
        let found = self.call.target().holdings(&self.at, role, &self.call.budget()).await;
        self.unless_gone(found)
    }

    /// The rule of gone or unknown: gone is what is absent while its container was read, or whose container is absent
    /// while *its* container was read. Everything else is an error, which keeps the state.
    pub(crate) fn unless_gone<T>(&self, found: Result<Option<T>, Error>) -> Result<Option<T>, Diagnostics> {
        match found {
            Ok(found) => Ok(found),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(self.call.failed(&error)),
        }
    }

    /// A session to change something with, as `connect_as` says.
    pub(crate) async fn writer(
        &self,
        connect_as: &Attr<RoleName>,
        usage: Usage,
    ) -> Result<postgres::Session, Diagnostics> {
        let role = connect_as.known();
        match self.connect(role, usage).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.not_connected(role, &error).await),
        }
    }

    async fn connect(&self, role: Option<&RoleName>, usage: Usage) -> Result<postgres::Session, Error> {
        let (target, budget) = (self.call.target(), self.call.budget());
        target.connect_to_write(&self.at, role, &budget, self.call.doing(), usage).await
    }

    /// Why there is no session. An answer 404 for a role's password may also mean that what holds the role is gone.
    async fn not_connected(&self, role: Option<&RoleName>, error: &Error) -> Diagnostics {
        let (Some(role), true) = (role, is_not_found(error)) else { return self.call.failed(error) };
        match self.call.target().default_role(&self.at, &self.call.budget()).await {
            Err(container) => self.call.failed(&container),
            Ok(owner) => Diagnostic::error(
                format!("Cannot {}", self.call.doing()),
                format!(
                    "The Neon API does not have the role `{role}` of `connect_as`: it does not exist, or it was created with \
                     SQL, so that its password is unknown.\n\nName a role that the API has, add its password to \
                     `role_passwords`, or remove `connect_as` to connect as `{owner}`."
                ),
            )
            .at(path!(connect_as))
            .into(),
        }
    }

    /// A session to remove something with; `None`, with a warning, when what held the object is gone. Falls back to the
    /// default role, with a warning, when the role of `connect_as` is gone.
    pub(crate) async fn remover(
        &self,
        connect_as: &Attr<RoleName>,
        usage: Usage,
    ) -> Result<Option<postgres::Session>, Diagnostics> {
        let role = connect_as.known();
        let found = match (self.connect(role, usage).await, role) {
            (Err(error), Some(role)) if is_not_found(&error) => {
                let found = self.connect(None, usage).await;
                if found.is_ok() {
                    let detail =
                        format!("To {}, the provider connected as the owner of the database.", self.call.doing());
                    self.call.cx().warn(
                        Diagnostic::warning(format!("Role `{role}` of `connect_as` is gone"), detail)
                            .at(path!(connect_as)),
                    );
                }
                found
            }
            (found, _) => found,
        };
        match found {
            Ok(session) => Ok(Some(session)),
            Err(error) => self.removed_with_its_container(&error).await.map(|()| None),
        }
    }

    /// What a failure to remove something means: nothing, when what held it is gone too. A project that answers 404 may
    /// be one that the key does not see: that is success only if the key works at all.
    async fn removed_with_its_container(&self, error: &Error) -> Result<(), Diagnostics> {
        removed_with_its_container(self.call, error).await
    }

    /// The turn to change privileges, until it is dropped: see [`Target::turn_to_grant`](crate::target::Target::turn_to_grant).
    pub(crate) async fn turn_to_grant(&self) -> Result<TurnToGrant, Diagnostics> {
        let turn = self.call.target().turn_to_grant(&self.at.server, &self.call.budget()).await;
        turn.map_err(|error| self.call.failed(&error))
    }

    /// Runs a transaction as `connect_as` says. The work reads what is there and applies the difference; see [`Stop`].
    pub(crate) async fn transaction<T, W, F>(&self, connect_as: &Attr<RoleName>, work: W) -> Result<T, Stop>
    where
        W: Fn(Tx, Attempt) -> F,
        F: Future<Output = Result<T, Stop>>,
    {
        let mut session = self.writer(connect_as, Usage::Write).await?;
        self.transaction_on(&mut session, work).await
    }

    /// The same on a session that is there, such as one of [`remover`](Self::remover).
    pub(crate) async fn transaction_on<T, W, F>(&self, session: &mut postgres::Session, work: W) -> Result<T, Stop>
    where
        W: Fn(Tx, Attempt) -> F,
        F: Future<Output = Result<T, Stop>>,
    {
        let outcome = transaction::run(session, |tx, attempt| {
            let interrupted = self.call.unless_cancelled();
            let work = work(tx, attempt);
            async move {
                interrupted?;
                work.await
            }
        })
        .await;
        self.call.target().wrote(&self.at.server);
        outcome
    }
}

/// See [`Db::removed_with_its_container`]; for objects that the API knows beside databases.
pub(crate) async fn removed_with_its_container(call: &Call<'_>, error: &Error) -> Result<(), Diagnostics> {
    let gone = match error {
        Error::Gone { .. } => {
            format!("{} does not exist, and the object went with it.", words::sentence(&error.to_string()))
        }
        Error::ProjectNotFound { project, .. } => {
            let Ok(neon) = call.target().neon() else { return Err(call.failed(error)) };
            if neon.get_auth(&call.budget()).await.is_err() {
                return Err(call.failed(error));
            }
            format!("Project `{project}` no longer exists, or the API key cannot see it; the key itself works.")
        }
        other => return Err(call.failed(other)),
    };
    call.cx().warn(Diagnostic::warning(
        "Object is already gone",
        format!("There is nothing to do to {}. {gone} It was removed from the state.", call.doing()),
    ));
    Ok(())
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Neon(error) if error.kind() == neon::Kind::NotFound)
}
