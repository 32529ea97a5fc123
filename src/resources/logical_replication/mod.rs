//! `neonrep_logical_replication`: turns logical replication on for a project, and sees that it is.
//!
//! One way only: there is no call that turns it off. What is on already is taken over without a call that changes anything.

use serde::{Deserialize, Serialize};
use tfplugin::schema::{single, string};
use tfplugin::{Attr, Diagnostic, Diagnostics, Plan, Resource, Schema, Timeouts, identity, model, path};

use super::access;
use super::location;
use crate::checks::logical_replication_is_one_way;
use crate::context::{Context, Data};
use crate::explain;
use crate::neon::{BranchId, Budget, Project, ProjectId};
use crate::postgres::{DatabaseName, settings};
use crate::session::{self, Error, Place, Session};

/// The resource.
#[derive(Debug)]
pub(crate) struct LogicalReplication;

/// Field for field the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<String>,
    verify: Attr<Verify>,
    id: Attr<String>,
    timeouts: Attr<Timeouts>,
}

/// Where to ask for `wal_level`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    database: Attr<String>,
    branch_id: Attr<String>,
}

const IMPORT_ID: &str = "<project_id>";

impl Resource for LogicalReplication {
    const TYPE: &'static str = "neonrep_logical_replication";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("logical_replication.md"))
            .attribute(
                "project_id",
                string().required().replaces_if_set().parsed_by(ProjectId::parse).doc("Id of the Neon project."),
            )
            .attribute(
                "verify",
                single([
                    (
                        "database",
                        string()
                            .optional()
                            .parsed_by(DatabaseName::parse)
                            .doc("Name of the database. Without it, the first of the branch."),
                    ),
                    (
                        "branch_id",
                        string()
                            .optional()
                            .parsed_by(BranchId::parse)
                            .doc("Id of the branch. Without it, the default branch."),
                    ),
                ])
                .optional()
                .doc("The database to ask for its `wal_level` after enabling, on creation only."),
            )
            .attribute("id", string().computed().keeps_prior().doc("The project's id, known when it is planned."))
            .timeouts()
            .import_id(IMPORT_ID)
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        if let Some(planned) = &mut plan.planned {
            planned.id = planned.project_id.clone();
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        let Some(planned) = plan.create() else { return Diagnostics::none() };
        let (session, policy) = (&cx.data().session, &cx.data().policy);
        let check = &logical_replication_is_one_way::CHECK;
        let project = match location::optional(&planned.project_id, path!(project_id), ProjectId::parse) {
            Ok(Some(project)) => project,
            Ok(None) => return Diagnostics::none(),
            Err(problems) => return problems,
        };
        session.remember_to_be_enabled(&project);
        if !policy.asks(check) {
            return Diagnostics::none();
        }
        match project_of(session, &project, &access::budget(cx), true).await {
            Ok(found) => policy.judge(
                check,
                [logical_replication_is_one_way::check(&project, found.logical_replication(), path!(project_id))],
            ),
            Err(error) => access::not_seen(cx, &format!("project `{project}`"), &error),
        }
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let session = &cx.data().session;
        let budget = access::budget(cx);
        let project = plan.project()?;
        let doing = format!("enable logical replication of project `{project}`");
        let failed = |error: &Error| Diagnostics::from(explain::session(&doing, error));

        let model = Model { id: plan.project_id.clone(), ..plan };
        let found = project_of(session, &project, &budget, false).await.map_err(|it| failed(&it))?;
        if !found.logical_replication() {
            let enabling = session.neon().enable_logical_replication(&project, &budget).await;
            let enabling = enabling.map_err(|it| failed(&it.into()))?;
            cx.checkpoint(&model);
            enabling.wait(&budget).await.map_err(|it| failed(&it.into()))?;
            let found = project_of(session, &project, &budget, false).await.map_err(|it| failed(&it))?;
            if !found.logical_replication() {
                return Err(Diagnostic::error(
                    "Logical replication is still off",
                    format!(
                        "Neon took the setting for project `{project}` and carried out its operations, but the project still \
                         says that logical replication is off. Look at the project's settings in Neon's console, then apply again."
                    ),
                )
                .at(path!(project_id))
                .into());
            }
        }
        cx.checkpoint(&model);
        session.wrote_project(&project);
        self.verify(cx, &model, &project, &budget).await?;
        Ok(model)
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let project = state.project()?;
        let imported = state.id.is_null();
        let found = project_of(&cx.data().session, &project, &access::budget(cx), true)
            .await
            .map_err(|error| explain::session(&format!("read the setting of project `{project}`"), &error))?;
        if found.logical_replication() {
            return Ok(Some(Model { id: state.project_id.clone(), ..state }));
        }
        if !imported {
            return Ok(None);
        }
        Err(Diagnostic::error(
            "Logical replication is off",
            format!(
                "Project `{project}` has logical replication off, so there is nothing to import. Leave the import out: applying \
                 the resource turns it on."
            ),
        )
        .into())
    }

    /// What can change in place, `verify` and `timeouts`, says how to create.
    async fn update(&self, _cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        Ok(plan)
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        let project = state.project()?;
        cx.warn(Diagnostic::warning(
            "Logical replication stays on",
            format!(
                "Neon cannot turn logical replication off again. Project `{project}` was only dropped from the state; its \
                 computes keep `wal_level = logical`."
            ),
        ));
        Ok(())
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let [project] = identity::parts::<1>(id, IMPORT_ID)?;
        ProjectId::parse(&project)
            .map_err(|wrong| identity::bad_id(&explain::sentence(&wrong.to_string()), IMPORT_ID))?;
        let nulls: Model = model::nulls(&Self::schema()).map_err(Diagnostic::bug)?;
        // The id stays null, by which Read knows an import.
        Ok(Model { project_id: project.into(), ..nulls })
    }
}

impl LogicalReplication {
    /// Asks a database for its `wal_level`; restarts its compute once. The setting is on by now, so a look that fails
    /// is a warning, and only an answer of `replica` an error.
    async fn verify(
        &self,
        cx: &Context,
        model: &Model,
        project: &ProjectId,
        budget: &Budget,
    ) -> Result<(), Diagnostics> {
        let session = &cx.data().session;
        let not_seen = |why: &str, at| {
            cx.warn(
                Diagnostic::warning(
                    "Logical replication is on, but was not seen in a database",
                    format!(
                        "The setting of project `{project}` is on. Whether a compute runs with it was not looked at: {why}\n\nIf \
                         making a slot fails with `logical decoding requires wal_level >= logical`, restart the compute."
                    ),
                )
                .at(at),
            );
        };
        let place = match self.place(session, model, project, budget).await {
            Ok(Some(place)) => place,
            Ok(None) => {
                not_seen("the branch has no database.", path!(verify));
                return Ok(());
            }
            Err(error) => {
                let why = explain::session("find a database", &error);
                not_seen(&why.detail, path!(verify));
                return Ok(());
            }
        };
        let mut restarted = false;
        loop {
            match wal_level(session, &place, budget).await {
                Ok(level) if level == "logical" => return Ok(()),
                Ok(level) if restarted => return Err(still(&level, &place)),
                Ok(level) => {
                    tracing::info!(%place, level, "restarting the compute, which does not run with logical replication yet");
                    if !restart(session, &place, budget).await? {
                        return Err(still(&level, &place));
                    }
                    restarted = true;
                }
                Err(error) => {
                    let why = explain::session(&format!("read `wal_level` of {place}"), &error);
                    not_seen(&why.detail, path!(verify));
                    return Ok(());
                }
            }
        }
    }

    async fn place(
        &self,
        session: &Session,
        model: &Model,
        project: &ProjectId,
        budget: &Budget,
    ) -> Result<Option<Place>, Error> {
        let verify = model.verify.known();
        let wanted = verify.and_then(|it| it.branch_id.known()).map(|id| BranchId::parse(id)).transpose();
        let wanted = wanted.map_err(|wrong| Error::Neon(wrong.into()))?;
        let branch = session.branch(project, wanted.as_ref(), budget).await?;
        let database = match verify.and_then(|it| it.database.known()) {
            Some(name) => name.clone(),
            None => match session.neon().list_databases(project, &branch, budget).await?.into_iter().next() {
                Some(first) => first.name,
                None => return Ok(None),
            },
        };
        let database = session::database_name(&database)?;
        Ok(Some(Place { project: project.clone(), branch, database }))
    }
}

impl Model {
    fn project(&self) -> Result<ProjectId, Diagnostics> {
        location::known(&self.project_id, path!(project_id), ProjectId::parse)
    }
}

/// The project; its absence is told apart. `shared` is for reads and checks.
async fn project_of(session: &Session, project: &ProjectId, budget: &Budget, shared: bool) -> Result<Project, Error> {
    let found = if shared {
        session.neon().shared().project(project, budget).await.map(|it| (*it).clone())
    } else {
        session.neon().get_project(project, budget).await
    };
    found.map_err(|error| {
        if error.is_not_found() {
            Error::ProjectNotFound { project: project.clone(), source: error }
        } else {
            error.into()
        }
    })
}

/// On a connection of now: what was learned before the setting was made does not count.
async fn wal_level(session: &Session, place: &Place, budget: &Budget) -> Result<String, Error> {
    let mut connection = session.connect(place, budget, "verifying logical replication").await?;
    let read = connection.read(|it| async move { settings::read(&it).await });
    match budget.run(read).await {
        Ok(found) => Ok(found?.wal_level),
        Err(_) => Err(crate::postgres::Error::new(
            crate::postgres::Kind::Timeout,
            "the time for reading `wal_level` has passed",
        )
        .into()),
    }
}

/// Restarts the branch's compute. False if it has none.
async fn restart(session: &Session, place: &Place, budget: &Budget) -> Result<bool, Diagnostics> {
    let failed = |error: Error| {
        Diagnostics::from(explain::session(&format!("restart the compute of branch `{}`", place.branch), &error))
    };
    let endpoint = session.neon().read_write_endpoint(&place.project, &place.branch, budget).await;
    let Some(endpoint) = endpoint.map_err(|it| failed(it.into()))? else { return Ok(false) };
    let restarting = session.neon().restart_endpoint(&place.project, &endpoint.id, budget).await;
    restarting.map_err(|it| failed(it.into()))?.wait(budget).await.map_err(|it| failed(it.into()))?;
    session.wrote_project(&place.project);
    Ok(true)
}

fn still(level: &str, place: &Place) -> Diagnostics {
    Diagnostic::error(
        "Compute does not run with logical replication",
        format!(
            "The setting of project `{}` is on, but {place} still says `wal_level = {level}`, also after its compute was \
             restarted once.\n\nRestart the compute in Neon's console (or suspend it; the next connection starts it), see that \
             `SHOW wal_level` says `logical`, then apply again.",
            place.project
        ),
    )
    .at(path!(verify))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(project: Attr<String>) -> Model {
        Model { project_id: project, verify: Attr::Null, id: Attr::Unknown, timeouts: Attr::Null }
    }

    #[test]
    fn the_id_is_the_projects_and_known_with_it() {
        for project in [Attr::Unknown, "p".to_owned().into()] {
            let planned = Some(model(project.clone()));
            let mut plan = Plan { config: None, prior: None, planned, requires_replace: Vec::new() };
            LogicalReplication::modify_plan(&mut plan).unwrap();
            assert_eq!(plan.planned.unwrap().id, project);
        }
    }

    #[test]
    fn a_destroy_is_left_as_it_is() {
        let prior = Some(model("p".to_owned().into()));
        let mut plan = Plan { config: None, prior, planned: None, requires_replace: Vec::new() };
        LogicalReplication::modify_plan(&mut plan).unwrap();
        assert!(plan.planned.is_none());
    }

    #[test]
    fn an_import_names_the_project() {
        let imported = LogicalReplication::import("shiny-wind-028834").unwrap();
        assert_eq!(imported.project_id, Attr::Known("shiny-wind-028834".to_owned()));
        assert!(imported.id.is_null());
        for wrong in ["", "a/b", "Big", "a%"] {
            assert!(LogicalReplication::import(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn model_and_schema_agree() {
        let schema = LogicalReplication::schema();
        assert_eq!(tfplugin::kinds::erased::resource(LogicalReplication).agrees(), Ok(()));
        assert!(schema.attributes["project_id"].replaces_if_set && schema.attributes["project_id"].required);
    }
}
