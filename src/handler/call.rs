//! One call of a handler: what is being attempted, its time, and the way to a database.

use std::fmt::Display;

use tfplugin::{AttributePath, Diagnostic, Diagnostics, Resource, identity, model, path};

use super::context::Context;
use super::explain;
use crate::checks::{Policy, branch_lasts};
use crate::neon::{Budget, Permission, Project, ProjectId};
use crate::postgres;
use crate::target::{DatabaseLocation, Error, ObjectId, Server, ServerLocation, Target};

/// A handler's call. `doing` completes the sentence "Cannot …", as in "create publication `p`".
pub(crate) struct Call<'a> {
    cx: &'a Context,
    doing: String,
}

impl<'a> Call<'a> {
    pub(crate) fn new(cx: &'a Context, doing: impl Into<String>) -> Self {
        Self { cx, doing: doing.into() }
    }

    pub(crate) fn cx(&self) -> &'a Context {
        self.cx
    }

    pub(crate) fn doing(&self) -> &str {
        &self.doing
    }

    pub(crate) fn target(&self) -> &'a Target {
        &self.cx.data().target
    }

    pub(crate) fn policy(&self) -> &'a Policy {
        &self.cx.data().policy
    }

    /// The time of the call, for the layers below.
    pub(crate) fn budget(&self) -> Budget {
        let budget = Budget::new(self.cx.deadline(), self.cx.cancelled().clone());
        if self.cx.applies() { budget } else { budget.planning() }
    }

    /// The error of a lower layer as the user reads it.
    pub(crate) fn failed(&self, error: &Error) -> Diagnostics {
        explain::target(&self.doing, error).into()
    }

    /// An error of Postgres, on the attribute that the user should look at.
    pub(crate) fn refused(&self, error: &postgres::Error, at: AttributePath) -> Diagnostics {
        explain::postgres(&self.doing, error).at(at).into()
    }

    /// The server that a location resolves to.
    pub(crate) async fn server(&self, location: &ServerLocation) -> Result<Server, Diagnostics> {
        self.target().server(location, &self.budget()).await.map_err(|error| self.failed(&error))
    }

    /// The error for a key that may only read the project: said at plan, before anything of the run is changed.
    pub(crate) fn may_change(&self, project: &Project) -> Option<Diagnostic> {
        let allowed = project.effective_project_permission.as_ref().is_none_or(Permission::may_change);
        (!allowed).then(|| explain::read_only(&self.doing, &project.id))
    }

    /// Warns once of a branch on which something is to be created and which expires or is archived. A branch that cannot be read is
    /// told by what reads it next.
    pub(crate) async fn branch_lasts(&self, location: &DatabaseLocation) -> Diagnostics {
        let ServerLocation::Neon { project, branch } = &location.server else { return Diagnostics::none() };
        if !self.policy().asks(&branch_lasts::CHECK) {
            return Diagnostics::none();
        }
        let Ok(found) = self.target().branch_of(project, branch.as_ref(), &self.budget()).await else {
            return Diagnostics::none();
        };
        let warning = branch_lasts::check(&found, path!(branch_id));
        let warning = warning.filter(|_| self.cx.data().is_first(&format!("branch {} lasts", found.id)));
        self.policy().admit(&branch_lasts::CHECK, warning)
    }

    /// Refuses a change through the Neon API that the key may not make, before the first request that changes something.
    pub(crate) async fn insist_on_change(&self, project: &ProjectId) -> Result<(), Diagnostics> {
        let found = self.target().project(project, &self.budget()).await.map_err(|error| self.failed(&error))?;
        self.may_change(&found).map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// Fails a transaction's next attempt once the user has interrupted the run: a lock may take many attempts.
    pub(crate) fn unless_cancelled(&self) -> postgres::Result<()> {
        if self.cx.cancelled().is_cancelled() {
            return Err(postgres::Error::new(postgres::Kind::QueryCancelled, "the run was interrupted"));
        }
        Ok(())
    }
}

/// A model in which everything is null: an import sets what its id says, and the next read fills the rest.
pub(crate) fn nulls<R: Resource>() -> Result<R::Model, Diagnostics> {
    model::nulls(&R::schema()).map_err(|wrong| Diagnostic::bug(wrong).into())
}

/// The id that an import names.
pub(crate) fn import<T: ObjectId>(id: &str) -> Result<T, Diagnostics> {
    import_as(id, T::FORM)
}

/// The same for an id whose import has another form.
pub(crate) fn import_as<T: std::str::FromStr<Err: Display>>(id: &str, form: &str) -> Result<T, Diagnostics> {
    id.parse().map_err(|wrong: T::Err| identity::bad_id(&super::words::sentence(&wrong.to_string()), form))
}
