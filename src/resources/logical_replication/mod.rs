//! `neonrep_logical_replication`: logical replication of a project, enabled once and never disabled.
//!
//! There is no call that disables it. Where it is enabled already, nothing is sent.

mod apply;
mod messages;
mod model;

use tfplugin::schema::{single, string};
use tfplugin::{Attr, Diagnostics, Plan, Resource, Schema, path};

use crate::checks::logical_replication_is_one_way;
use crate::handler::{Call, Context, Data, attributes, import_as, nulls};
use crate::neon::ProjectId;
use crate::postgres::DatabaseName;
use model::Model;

pub(crate) struct LogicalReplication;

impl Resource for LogicalReplication {
    const TYPE: &'static str = "neonrep_logical_replication";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        Schema::new(include_str!("page.md"))
            .attribute(
                "project_id",
                string().required().replaces_if_set().parsed_by(ProjectId::parse).doc("ID of the Neon project."),
            )
            .attribute(
                "verify",
                single([
                    (
                        "database",
                        string()
                            .optional()
                            .parsed_by(DatabaseName::parse)
                            .doc("Name of the database. Defaults to the first database of the branch."),
                    ),
                    (
                        "branch_id",
                        string()
                            .optional()
                            .parsed_by(attributes::branch)
                            .doc("ID of the branch. Defaults to the default branch of the project."),
                    ),
                ])
                .optional()
                .doc("Database in which to read `wal_level` after enabling. Used at creation only."),
            )
            .attribute("id", string().computed().keeps_prior().doc("ID of the project, known at plan."))
            .timeouts()
            .import_id("<project_id>")
    }

    fn modify_plan(plan: &mut Plan<Model>) -> Result<(), Diagnostics> {
        if let Some(planned) = &mut plan.planned {
            planned.id = planned.project_id.clone();
        }
        Ok(())
    }

    async fn check_plan(&self, cx: &Context, plan: &Plan<Model>) -> Diagnostics {
        const CHECK: &crate::checks::Check = &logical_replication_is_one_way::CHECK;
        let Some(planned) = plan.create() else { return Diagnostics::none() };
        let Attr::Known(project) = &planned.project_id else { return Diagnostics::none() };
        let call = Call::new(cx, format!("enable logical replication for project `{project}`"));
        call.target().remember_to_be_enabled(project);
        if call.policy().is_off() {
            return Diagnostics::none();
        }
        let found = match call.target().project(project, &call.budget()).await {
            Ok(found) => found,
            Err(error) => return call.unseen(&format!("project `{project}`")).told(&error),
        };
        let enabled = found.logical_replication();
        let warning = logical_replication_is_one_way::check(project, enabled, path!(project_id));
        let mut said = call.policy().admit(CHECK, [warning]);
        if !enabled {
            said.extend(call.may_change(&found).map_or_else(Diagnostics::none, Into::into));
        }
        // A branch that does not exist is told before anything else of the run depends on the setting.
        if let Some(branch) = planned.verify.known().and_then(|it| it.branch_id.known())
            && let Err(error) = call.target().branch_of(project, Some(branch), &call.budget()).await
        {
            said.extend(call.unseen(&format!("branch `{branch}`")).told(&error));
        }
        said
    }

    async fn create(&self, cx: &Context, plan: Model) -> Result<Model, Diagnostics> {
        let project = plan.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("enable logical replication for project `{project}`"));
        apply::enable(&call, &plan, project).await?;
        apply::verify(&call, plan.verify.known(), project).await?;
        Ok(plan.observed())
    }

    async fn read(&self, cx: &Context, state: Model) -> Result<Option<Model>, Diagnostics> {
        let project = state.project_id.need(path!(project_id))?;
        let call = Call::new(cx, format!("read project `{project}`"));
        let found = call.target().project(project, &call.budget()).await.map_err(|error| call.failed(&error))?;
        if found.logical_replication() {
            return Ok(Some(state.observed()));
        }
        if state.is_imported() { Err(messages::nothing_to_import(project).into()) } else { Ok(None) }
    }

    /// What can change in place, `verify` and `timeouts`, is about the creation.
    async fn update(&self, _cx: &Context, _prior: Model, plan: Model) -> Result<Model, Diagnostics> {
        Ok(plan.observed())
    }

    async fn delete(&self, cx: &Context, state: Model) -> Result<(), Diagnostics> {
        cx.warn(messages::stays_enabled(state.project_id.need(path!(project_id))?));
        Ok(())
    }

    fn import(id: &str) -> Result<Model, Diagnostics> {
        let project: ProjectId = import_as(id, "<project_id>")?;
        Ok(Model { project_id: project.into(), ..nulls::<Self>()? })
    }
}

#[cfg(test)]
mod tests {
    use tfplugin::kinds::erased;

    use super::*;

    fn model(project: Attr<ProjectId>) -> Model {
        Model { project_id: project, verify: Attr::Null, id: Attr::Unknown, timeouts: Attr::Null }
    }

    fn project() -> Attr<ProjectId> {
        ProjectId::parse("shiny-wind-028834").ok().into()
    }

    #[test]
    fn model_and_schema_agree() {
        erased::resource(LogicalReplication).agrees().unwrap();
    }

    #[test]
    fn the_id_is_the_projects_and_known_with_it() {
        for project in [Attr::Unknown, project()] {
            let planned = Some(model(project.clone()));
            let mut plan = Plan { config: None, prior: None, planned, requires_replace: Vec::new() };
            LogicalReplication::modify_plan(&mut plan).unwrap();
            assert_eq!(plan.planned.unwrap().id, project);
        }
    }

    #[test]
    fn a_destroy_is_left_as_it_is() {
        let prior = Some(model(project()));
        let mut plan = Plan { config: None, prior, planned: None, requires_replace: Vec::new() };
        LogicalReplication::modify_plan(&mut plan).unwrap();
        assert!(plan.planned.is_none());
    }

    #[test]
    fn an_import_names_the_project() {
        let imported = LogicalReplication::import("shiny-wind-028834").unwrap();
        assert_eq!(imported.project_id, project());
        assert!(imported.is_imported() && !imported.observed().is_imported());
        for wrong in ["", "a/b", "Big", "a%"] {
            assert!(LogicalReplication::import(wrong).is_err(), "{wrong}");
        }
    }
}
