//! Databases that were renamed outside: an object stays in its database, whatever that is called.
//!
//! Private state has the key of the database. A refresh follows the rename, so that the configuration can follow in place; a
//! configuration that still has the old name would replace the object, and is refused.

use tfplugin::{Diagnostic, Diagnostics, Plan, path};

use super::attributes::{self, Located};
use super::call::Call;
use super::db::Db;
use super::explain;
use super::words::sentence;
use crate::postgres::DatabaseName;
use crate::target::{Database, DatabaseKey, Error};

/// In private state: what identifies the database.
const KEY: &str = "database";

/// In private state: the name that the database had when the configuration was last applied.
const RENAMED_FROM: &str = "renamed_from";

impl Call<'_> {
    /// The database that an object of the state is in now. A name other than that of the state is told once.
    pub(crate) async fn database_of(&self, state: &impl Located) -> Result<Db<'_>, Diagnostics> {
        let db = self.database(state).await?;
        match self.renamed(db.at()).await? {
            None => Ok(db),
            Some(now) => Ok(self.follow(&db.at().name, now)),
        }
    }

    /// The same for a change that was planned under the name of the state: it is refused if that is not the name any more.
    pub(crate) async fn planned_database_of(&self, state: &impl Located) -> Result<Db<'_>, Diagnostics> {
        let db = self.database(state).await?;
        match self.renamed(db.at()).await? {
            None => Ok(db),
            Some(now) => Err(without_refresh(&db.at().name, &now).into()),
        }
    }

    /// The database under its new name; says so, and notes the old one for the plan.
    pub(crate) fn follow(&self, old: &DatabaseName, now: Database) -> Db<'_> {
        self.cx().set_private(RENAMED_FROM, old);
        if self.cx().data().is_first(&format!("renamed: {now}")) {
            self.cx().warn(follows(old, &now));
        }
        self.at(now)
    }

    /// Records which database an object is in. What cannot be read is recorded by the next refresh.
    pub(crate) async fn remember_database(&self, at: &Database) {
        match self.target().database_key(at, &self.budget()).await {
            Ok(key) => self.cx().set_private(KEY, &key),
            Err(error) => tracing::info!(%at, %error, "the key of the database was not read"),
        }
    }

    /// The database that was recorded under this name, if it has another name now.
    async fn renamed(&self, at: &Database) -> Result<Option<Database>, Diagnostics> {
        let recorded: Option<DatabaseKey> = self.cx().private().get(KEY);
        let found = self.target().database_key(at, &self.budget()).await;
        let there = match (&found, recorded) {
            (Ok(key), Some(recorded)) if *key == recorded => return Ok(None),
            // Why it cannot be looked at is said by what is read next.
            (Err(error), _) if !error.is_gone() => return Ok(None),
            (_, Some(recorded)) => self.target().name_now(at, recorded, &self.budget()).await,
            (_, None) => Ok(None),
        };
        match (there, found) {
            (Ok(Some(name)), _) => Ok(Some(Database { server: at.server.clone(), name })),
            // Restored, or created again: nothing else has been that database.
            (Ok(None), Ok(key)) => {
                self.cx().set_private(KEY, &key);
                Ok(None)
            }
            (Ok(None), Err(_)) => Ok(None),
            (Err(error), _) if error.is_gone() => Ok(None),
            (Err(error), _) => Err(unseen(self.doing(), at, &error).into()),
        }
    }

    /// The name that the database of this object had when the configuration was last applied, if it was renamed outside.
    pub(crate) fn renamed_from(&self) -> Option<DatabaseName> {
        self.cx().private().get(RENAMED_FROM)
    }

    /// What a plan says of a replacement: it is refused if it comes only from a rename of the database, and warned of if it
    /// stays on a branch that is no longer the default one. Terraform drops the warnings of the plan call that follows.
    pub(crate) async fn unless_renamed<M: Located>(&self, plan: &Plan<M>) -> Diagnostics {
        let refused = self.only_renamed(plan).await;
        if refused.has_errors() { refused } else { self.aside(plan).await }
    }

    async fn aside<M: Located>(&self, plan: &Plan<M>) -> Diagnostics {
        let (Some(config), Some(prior), Some(planned)) = (&plan.config, &plan.prior, &plan.planned) else {
            return Diagnostics::none();
        };
        let is_free = config.branch_id().is_null() && planned.project_id() == prior.project_id();
        let server = attributes::server_of(prior.project_id(), prior.branch_id());
        let Some(server) = server.filter(|_| is_free && !self.policy().is_off()) else { return Diagnostics::none() };
        let Some(branch) = server.branch() else { return Diagnostics::none() };
        match self.target().branch(&branch.project, None, &self.budget()).await {
            Ok(default) if default != branch.id => self.stays_aside(&server).map_or_else(Diagnostics::none, Into::into),
            _ => Diagnostics::none(),
        }
    }

    async fn only_renamed<M: Located>(&self, plan: &Plan<M>) -> Diagnostics {
        let (true, Some(prior), Some(planned)) = (plan.replaces(), &plan.prior, &plan.planned) else {
            return Diagnostics::none();
        };
        let server = if self.target().is_direct() {
            Some(crate::target::Server::Direct)
        } else {
            attributes::server_of(prior.project_id(), prior.branch_id())
        };
        let (Some(server), Some(before), Some(wanted)) = (server, prior.database().known(), planned.database().known())
        else {
            return Diagnostics::none();
        };
        if before == wanted || planned.project_id() != prior.project_id() {
            return Diagnostics::none();
        }
        let now = Database { server: server.clone(), name: before.clone() };
        let is_old_name = self.renamed_from().as_ref() == Some(wanted);
        if !is_old_name && self.policy().is_off() {
            return Diagnostics::none();
        }
        let key = self.target().database_key(&Database { server, name: wanted.clone() }, &self.budget()).await;
        match (key, self.cx().private().get::<DatabaseKey>(KEY)) {
            (Err(error), _) if is_old_name && error.is_gone() => has_old_name(wanted, &now).into(),
            (Ok(key), Some(recorded)) if key == recorded => {
                without_refresh(before, &Database { name: wanted.clone(), ..now }).into()
            }
            _ => Diagnostics::none(),
        }
    }
}

fn follows(old: &DatabaseName, now: &Database) -> Diagnostic {
    let detail = format!(
        "{} was named `{old}` before. Its objects are the same, and the state follows.\n\nChange the name in the configuration \
         too: to `{}`.",
        sentence(&now.to_string()),
        now.name
    );
    Diagnostic::warning(format!("Database `{old}` was renamed"), detail).at(path!(database))
}

/// The configuration has the old name.
fn has_old_name(old: &DatabaseName, now: &Database) -> Diagnostic {
    let detail = format!(
        "The object is in {now}, which was named `{old}` before. The configuration still has the old name, so this run would \
         replace the object.\n\nIn the configuration, change `database` to `{}`. Nothing is replaced then. To destroy the object, \
         run `terraform destroy -refresh=false`.",
        now.name
    );
    Diagnostic::error(format!("Database `{old}` was renamed"), detail).at(path!(database))
}

/// The state has the old name, and the run did not refresh it.
fn without_refresh(old: &DatabaseName, now: &Database) -> Diagnostic {
    let detail = format!(
        "The object is in {now}, which was named `{old}` before. The state has the old name. Nothing was changed.\n\nPlan again \
         with a refresh, that is, without `-refresh=false`: the state then follows, and nothing is replaced. In the configuration, \
         `database` must be `{}`.",
        now.name
    );
    Diagnostic::error(format!("Database `{old}` was renamed"), detail).at(path!(database))
}

/// The database is gone, and whether it was renamed cannot be seen.
fn unseen(doing: &str, was: &Database, error: &Error) -> Diagnostic {
    let why = explain::target(doing, error).detail;
    let detail = format!(
        "{} does not exist. It may have been renamed, but the server cannot be looked at through another database. The state was \
         kept.\n\n{why}",
        sentence(&was.to_string())
    );
    Diagnostic::error("Database cannot be found", detail).at(path!(database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_names_both_names_and_what_to_do() {
        let old: DatabaseName = "neondb".parse().unwrap();
        let now = Database::parse("p", "br-a", "renamed").unwrap();
        for (said, advice) in [
            (follows(&old, &now), "to `renamed`"),
            (has_old_name(&old, &now), "change `database` to `renamed`"),
            (without_refresh(&old, &now), "Plan again"),
        ] {
            assert_eq!(said.summary, "Database `neondb` was renamed");
            assert!(said.detail.contains("`renamed` of branch `br-a`") && said.detail.contains(advice), "{said:?}");
        }
    }
}
